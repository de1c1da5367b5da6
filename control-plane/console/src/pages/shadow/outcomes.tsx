import type { OutcomeCount, Report } from "../../api/evidence";
import { count, latency, plural, ratio, share } from "../../model/format";
import { statusMatrix } from "../../model/statuses";
import { show } from "./filter";

/** What became of a copy, where its name does not say so. */
const WORDS: Partial<Record<OutcomeCount["outcome"], string>> = {
  connect_failure: "no connection came about",
  reset: "the connection ended before the answer did",
  timeout: "not answered within the route's timeout",
  late: "answered more than a minute after the request",
  no_answer: "ended without an answer",
  not_routed: "never made: Envoy answered the request itself",
  never_seen: "never came by the shadow's cluster",
  dropped: "no longer waited for: the worker was full",
};

/** Outcomes, statuses, and the figures of both parties. */
export function Outcomes({ report }: { report: Report }) {
  const total = report.outcomes.shadow.reduce((sum, { count: many }) => sum + many, 0);
  return (
    <section class="panel" id="outcomes" aria-labelledby="outcomes-title">
      <h2 id="outcomes-title">Outcomes</h2>
      <p class="small-print">
        {plural(report.sent, "request")} copied, of {count(report.mirrored)} it is known what became; {count(report.answers.unequal)} of{" "}
        {count(report.answers.compared)} answers were not equal, {count(report.answers.examined)} were looked at word for word
        {report.shed > 0 && <>; {plural(report.shed, "request")} not mirrored, to spare a shadow that fails or hangs</>}
      </p>
      <div class="outcomes">
        <div>
          <h3>What became of the copies</h3>
          {report.outcomes.shadow.length === 0 && <p class="small-print">Nothing was mirrored yet.</p>}
          <ul class="bars">
            {report.outcomes.shadow.map(({ outcome, count: many }) => (
              <li key={outcome} class={outcome === "answered" ? "good" : "bad"}>
                <button type="button" class="link" onClick={() => show({ outcome })}>
                  {outcome}
                </button>
                <span class="number">{count(many)}</span>
                <span class="number small-print">{share(total === 0 ? null : many / total)}</span>
                <span class="bar" style={{ "--at": `${(100 * many) / Math.max(1, total)}%` }} aria-hidden="true" />
                {WORDS[outcome] !== undefined && <span class="small-print words">{WORDS[outcome]}</span>}
              </li>
            ))}
          </ul>
        </div>
        <Statuses report={report} />
        <Parties report={report} />
      </div>
    </section>
  );
}

function Statuses({ report }: { report: Report }) {
  const { columns, rows, largestOff } = statusMatrix(report.statuses);
  if (rows.length === 0) return null;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Statuses">
      <table class="matrix">
        <caption>Statuses: production down, shadow across</caption>
        <thead>
          <tr>
            <td />
            {columns.map((shadow) => (
              <th key={shadow} scope="col">
                {shadow}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ primary, cells }) => (
            <tr key={primary}>
              <th scope="row">{primary}</th>
              {cells.map((cell) => (
                <td
                  key={cell.shadow}
                  class={cell.count === 0 ? "none" : cell.isSame ? "same" : "differs"}
                  style={{ "--weight": `${cell.isSame ? 0 : Math.round(20 + (80 * cell.count) / Math.max(1, largestOff))}%` }}
                >
                  {cell.count === 0 ? "·" : count(cell.count)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Parties({ report }: { report: Report }) {
  const { primary, shadow, ratio: times } = report.latency_ms;
  const rows: [string, string, string, string][] = [
    ["errors", share(report.error_rates.primary), share(report.error_rates.shadow), ""],
    ...(["p50", "p90", "p95", "p99"] as const).map((name): [string, string, string, string] => [
      name,
      latency(primary[name]),
      latency(shadow[name]),
      ratio(times[name]),
    ]),
  ];
  const [from = null, to = null] = times.interval;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Both parties">
      <table>
        <caption>
          Both parties; mean ratio {ratio(times.mean)} ({ratio(from)} to {ratio(to)})
        </caption>
        <thead>
          <tr>
            <td />
            <th scope="col">primary</th>
            <th scope="col">shadow</th>
            <th scope="col">pair by pair</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...values]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, index) => (
                <td key={index} class="number">
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
