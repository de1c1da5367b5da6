import { useMemo } from "preact/hooks";

import type { HistoryPoint, Percentiles } from "../../api/evidence";
import * as api from "../../api/routes";
import { useLoad } from "../../app/load";
import { withGaps } from "../../model/trend";
import { digits, latency, ratio, share } from "../../model/format";
import { Chart } from "../../ui/chart";
import { NotRead, Waiting } from "../../ui/problem";

/** One point more takes at least as long as the server's windows. */
const REFRESH_MS = 10_000;

/** The report over time, since a moment: null where there is no evidence, undefined where that is not known yet. */
export function Charts({ name, since }: { name: string; since: string | null | undefined }) {
  const loaded = useLoad(
    since === null || since === undefined ? null : `history ${name} ${since}`,
    (signal) => api.history(name, { since: since ?? "" }, signal),
    REFRESH_MS,
  );
  const points = loaded.value === null ? [] : withGaps(loaded.value.points, loaded.value.step_seconds);
  return (
    <section class="panel" id="over-time" aria-labelledby="over-time-title">
      <h2 id="over-time-title">Over time</h2>
      <NotRead loaded={loaded} />
      {(loaded.isLoading || since === undefined) && <Waiting what="what was measured" />}
      {!loaded.isLoading && since !== undefined && loaded.problem === null && points.length === 0 && (
        <p class="waiting">Nothing was mirrored in this time. Open the valve, or look further back.</p>
      )}
      {points.length > 0 && <Figures points={points} />}
    </section>
  );
}

function Figures({ points }: { points: HistoryPoint[] }) {
  const times = useMemo(() => points.map((point) => Date.parse(point.at) / 1000), [points]);
  const of = (read: (point: HistoryPoint) => number | null | undefined): (number | null)[] => points.map((point) => read(point) ?? null);
  const quantile = (name: keyof Percentiles) => (
    <Chart
      key={name}
      title={`Latency, ${name}`}
      times={times}
      format={latency}
      series={[
        { label: "primary", colour: "--primary", values: of((point) => point.primary_ms[name]) },
        { label: "shadow", colour: "--shadow", values: of((point) => point.shadow_ms[name]) },
      ]}
    />
  );
  return (
    <div class="charts">
      <Chart
        title="Error rate"
        times={times}
        format={share}
        series={[
          { label: "primary", colour: "--primary", values: of((point) => point.primary_error_rate) },
          { label: "shadow", colour: "--shadow", values: of((point) => point.shadow_error_rate) },
        ]}
      />
      <Chart
        title="Answers that differ"
        times={times}
        format={share}
        series={[
          { label: "raw", colour: "--quiet", values: of((point) => point.mismatch_raw) },
          { label: "over noise", colour: "--shadow", values: of((point) => point.mismatch_over_noise) },
        ]}
      />
      {quantile("p50")}
      {quantile("p95")}
      {quantile("p99")}
      <Chart
        title="Latency of shadow over primary, pair by pair"
        times={times}
        format={ratio}
        band={[3, 2]}
        isFree
        series={[
          { label: "mean", colour: "--shadow", values: of((point) => point.ratio.mean) },
          { label: "from", colour: "--band-line", values: of((point) => point.ratio.interval?.[0]) },
          { label: "to", colour: "--band-line", values: of((point) => point.ratio.interval?.[1]) },
        ]}
      />
      <Chart
        title="Pairs in each step"
        times={times}
        format={(value) => (value === null ? "—" : digits(value))}
        series={[
          { label: "mirrored", colour: "--quiet", values: of((point) => point.mirrored), dashed: true },
          { label: "pairs", colour: "--shadow", values: of((point) => point.pairs) },
        ]}
      />
    </div>
  );
}
