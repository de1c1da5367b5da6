import type { Me } from "../api/types";
import * as api from "../api/routes";
import { useLoad } from "../app/load";
import { query, setQuery } from "../app/router";
import { live } from "../live/connection";
import { isOn } from "../live/state";
import { whyNotMove } from "../model/access";
import { Empty } from "../ui/empty";
import { NotRead, Waiting } from "../ui/problem";
import { Switch } from "../ui/switch";
import { Valve } from "../ui/valve";
import { Expiry, InEffect, Rates } from "./board/line";
import { Charts } from "./shadow/charts";
import { Endpoints } from "./shadow/endpoints";
import { Gates } from "./shadow/gates";
import { Manifest } from "./shadow/manifest";
import { Outcomes } from "./shadow/outcomes";
import { Pairs } from "./shadow/pairs";
import { Review } from "./shadow/review";

/** As `?since=` takes it; the empty one is all of the evidence. */
const SPANS: [string, string][] = [
  ["15m", "15 min"],
  ["1h", "1 h"],
  ["6h", "6 h"],
  ["1d", "24 h"],
  ["", "all"],
];

/** How often what pairs add up to is read anew: the server's windows are 10 seconds long. */
const REFRESH_MS = 10_000;

export function ShadowPage({ name, me }: { name: string; me: Me }) {
  const state = live.value;
  if (state === null) return <Waiting what={name} />;
  const row = state.shadows.get(name);
  if (row === undefined) {
    return (
      <Empty title={`There is no shadow ${name}`}>
        <p>
          It may have been deleted: <a href={`/audit?kind=Shadow&name=${encodeURIComponent(name)}`}>who did what to it</a>.
        </p>
      </Empty>
    );
  }
  const barred = whyNotMove(me, row);
  return (
    <>
      <div class={`shadow-head ${isOn(row) ? "on" : "off"}`} data-shadow={name}>
        <div class="shadow-title">
          <Switch row={row} barred={barred} />
          <div>
            <h1>{name}</h1>
            <p class="small-print">
              {row.stamps.join(", ")} → {row.target}
              {row.control && <> · control {row.control}</>}
            </p>
          </div>
        </div>
        <div>
          <Valve row={row} barred={barred} />
          <Expiry row={row} />
        </div>
        <InEffect row={row} />
        <Rates row={row} />
      </div>
      <Evidence name={name} revision={row.revision} me={me} />
    </>
  );
}

function Evidence({ name, revision, me }: { name: string; revision: number; me: Me }) {
  const since = query.value.get("since") ?? "";
  const span: api.Span = since === "" ? {} : { since };
  const verdict = useLoad(`verdict ${name} ${since}`, (signal) => api.verdict(name, span, signal), REFRESH_MS, revision);
  const report = useLoad(`report ${name} ${since}`, (signal) => api.report(name, span, signal), REFRESH_MS, revision);
  // All of the evidence begins where the evidence does.
  const from = since !== "" ? since : verdict.isLoading ? undefined : (verdict.value?.evidence_since ?? null);
  return (
    <>
      <nav class="sections" aria-label="On this page">
        <a href="#verdict">Verdict</a>
        <a href="#over-time">Over time</a>
        <a href="#outcomes">Outcomes</a>
        <a href="#endpoints">Endpoints</a>
        <a href="#pairs">Pairs</a>
        <a href="#manifest">Manifest</a>
        <fieldset class="spans">
          <legend class="sr-only">How far back</legend>
          {SPANS.map(([value, words]) => (
            <label key={value}>
              <input type="radio" name="span" checked={since === value} onChange={() => setQuery({ since: value })} />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
      </nav>
      <NotRead loaded={verdict} />
      {verdict.value !== null && <Gates verdict={verdict.value} />}
      <Charts name={name} since={from} />
      <NotRead loaded={report} />
      {report.value !== null && <Outcomes report={report.value} />}
      {report.value !== null && <Endpoints name={name} report={report.value} me={me} />}
      {report.isLoading && <Waiting what="the report" />}
      <Pairs name={name} me={me} />
      <Manifest name={name} />
      <Review name={name} />
    </>
  );
}
