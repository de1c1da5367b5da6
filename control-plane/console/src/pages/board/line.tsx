import type { BoardRow, BoardVerdict } from "../../api/types";
import { isOn } from "../../live/state";
import { count, plural, rate, valve } from "../../model/format";
import { VerdictMark } from "../../ui/mark";
import { Switch } from "../../ui/switch";
import { Time } from "../../ui/time";
import { Valve } from "../../ui/valve";

/** One shadow on the board. */
export function BoardLine({ row, barred }: { row: BoardRow; barred: string | null }) {
  return (
    <li class={`board-line ${isOn(row) ? "on" : "off"}`} data-shadow={row.name}>
      <div class="board-name">
        <Switch row={row} barred={barred} />
        <div>
          <h2>
            <a href={`/shadows/${encodeURIComponent(row.name)}`}>{row.name}</a>
          </h2>
          <p class="small-print">
            {row.stamps.join(", ")} → {row.target}
            {row.control && <> · control {row.control}</>}
          </p>
          <p class="labels">
            {Object.entries(row.labels).map(([key, value]) => (
              <span class="label" key={key}>
                {key}={value}
              </span>
            ))}
          </p>
        </div>
      </div>
      <div class="board-valve">
        <Valve row={row} barred={barred} />
        <Expiry row={row} />
      </div>
      <InEffect row={row} />
      <Rates row={row} />
      <div class="board-verdict">
        {!row.verdict ? (
          <span class="small-print">no verdict yet</span>
        ) : (
          <>
            <a class="plain" href={`/shadows/${encodeURIComponent(row.name)}#verdict`}>
              <VerdictMark verdict={row.verdict.verdict} />
            </a>
            <p class="small-print clamp" title={reasonOf(row.verdict)}>
              {reasonOf(row.verdict)}
            </p>
          </>
        )}
      </div>
    </li>
  );
}

/** The first reason; where every gate passes, what it comes to says more. */
function reasonOf({ first, summary }: BoardVerdict): string {
  return !first || first.state === "pass" ? summary : first.words;
}

/** What a valve or switch goes back to, and when. */
export function Expiry({ row }: { row: BoardRow }) {
  if (!row.expiry) return null;
  const { at, percent = null, enabled = null } = row.expiry;
  const back = [percent === null ? null : valve(percent), enabled === null ? null : enabled ? "on" : "off"];
  return (
    <p class="expiry">
      back to {back.filter((part) => part !== null).join(", ")} <Time at={at} />
    </p>
  );
}

/** The share that the nodes follow. Each answers for all of its workers. */
export function InEffect({ row }: { row: BoardRow }) {
  const { workers, following, lowest_percent: lowest = null, highest_percent: highest = null } = row.in_effect;
  const share =
    lowest === null || highest === null
      ? "—"
      : lowest === highest
        ? valve(lowest)
        : `${Number(lowest.toFixed(4))} to ${valve(highest)}`;
  const behind = workers - following;
  return (
    <div class="in-effect">
      <p>
        <span class="cell-name">In effect </span>
        <strong>{share}</strong>
      </p>
      <p class={behind > 0 ? "small-print behind" : "small-print"}>
        {workers === 0
          ? "no node is connected"
          : behind > 0
            ? `${plural(behind, "node")} of ${count(workers)} not yet`
            : `on ${plural(workers, "node")}`}
      </p>
    </div>
  );
}

/** What flows now. */
export function Rates({ row }: { row: BoardRow }) {
  if (!row.rates || row.rates.mirrored_per_second + row.rates.shed_per_second === 0) {
    return (
      <div class="rates">
        <p class="small-print">nothing flows</p>
      </div>
    );
  }
  const { mirrored_per_second: mirrored, shed_per_second: shed, failed_per_second: failed, mismatched_per_second: mismatched } = row.rates;
  return (
    <dl class="rates">
      <div>
        <dt>mirrored</dt>
        <dd>{rate(mirrored)}</dd>
      </div>
      {shed > 0 && (
        <div class="bad" title="Not mirrored, to spare a shadow that fails or hangs">
          <dt>shed</dt>
          <dd>{rate(shed)}</dd>
        </div>
      )}
      <div class={failed > 0 ? "bad" : ""}>
        <dt>failed</dt>
        <dd>{rate(failed)}</dd>
      </div>
      <div title="Answers that are not the same, noise and what the verdict leaves out included">
        <dt>mismatched</dt>
        <dd>{rate(mismatched)}</dd>
      </div>
    </dl>
  );
}
