import { useMemo } from "preact/hooks";

import type { HistoryPoint, Percentiles } from "../../api/evidence";
import * as api from "../../api/routes";
import { useLoad } from "../../app/load";
import { withGaps } from "../../model/trend";
import { digits, latency, ratio, share } from "../../model/format";
import { Chart } from "../../ui/chart";
import { Failed, Waiting } from "../../ui/problem";

/** One point more takes at least as long as the server's windows. */
const REFRESH_MS = 10_000;

/** As far back as figures are kept, unless the server was told otherwise. */
const ALL = "30d";

/** The report over time. */
export function Charts({ name, since }: { name: string; since: string }) {
  const loaded = useLoad(
    `history ${name} ${since}`,
    (signal) => api.history(name, { since: since === "" ? ALL : since }, signal),
    REFRESH_MS,
  );
  const points = loaded.value === null ? [] : withGaps(loaded.value.points, loaded.value.step_seconds);
  return (
    <section class="panel" id="over-time" aria-labelledby="over-time-title">
      <h2 id="over-time-title">Over time</h2>
      {loaded.value === null && loaded.problem !== null && <Failed problem={loaded.problem} again={loaded.again} />}
      {loaded.isLoading && <Waiting what="what was measured" />}
      {loaded.value !== null && points.length === 0 && (
        <p class="waiting">Nothing was mirrored in this time. Open the valve, or look further back.</p>
      )}
      {points.length > 0 && <Figures points={points} />}
    </section>
  );
}

function Figures({ points }: { points: HistoryPoint[] }) {
  const times = useMemo(() => points.map((point) => Date.parse(point.at) / 1000), [points]);
  const of = (read: (point: HistoryPoint) => number | null): (number | null)[] => points.map(read);
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
          { label: "from", colour: "--band-line", values: of((point) => point.ratio.interval?.[0] ?? null) },
          { label: "to", colour: "--band-line", values: of((point) => point.ratio.interval?.[1] ?? null) },
        ]}
      />
      <Chart
        title="Pairs in each step"
        times={times}
        format={(value) => (value === null ? "—" : digits(value))}
        series={[
          { label: "mirrored", colour: "--quiet", values: of((point) => point.mirrored), dashed: true },
          { label: "pairs", colour: "--primary", values: of((point) => point.pairs) },
        ]}
      />
    </div>
  );
}
