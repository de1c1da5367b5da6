import type { BoardRow, Me, NodeCounts } from "../api/types";
import { query, setQuery } from "../app/router";
import { live } from "../live/connection";
import { isOn, ordered } from "../live/state";
import { whyNotMove } from "../model/access";
import { count, plural } from "../model/format";
import { Copyable } from "../ui/copy";
import { Empty } from "../ui/empty";
import { Waiting } from "../ui/problem";
import { BoardLine } from "./board/line";

export function BoardPage({ me }: { me: Me }) {
  const state = live.value;
  if (state === null) return <Waiting what="the board" />;
  const rows = ordered(state);
  if (rows.length === 0) return <NoShadows />;
  const text = query.value.get("find") ?? "";
  const onlyOn = query.value.get("on") === "true";
  const shown = rows.filter((row) => (!onlyOn || isOn(row)) && fits(row, text));
  return (
    <>
      <h1 class="sr-only">Board</h1>
      <Summary rows={rows} nodes={state.nodes} />
      <div class="tools">
        <input
          type="search"
          placeholder="Find by name, label, stamp, cluster"
          aria-label="Find shadows"
          value={text}
          onInput={(event) => setQuery({ find: event.currentTarget.value })}
        />
        <label class="check">
          <input type="checkbox" checked={onlyOn} onChange={(event) => setQuery({ on: event.currentTarget.checked ? "true" : null })} />
          only what is on
        </label>
      </div>
      <div class="board-head" aria-hidden="true">
        <span>Shadow</span>
        <span>Valve</span>
        <span>In effect</span>
        <span>Rates</span>
        <span>Verdict</span>
      </div>
      <ul class="board" aria-label="Shadows">
        {shown.map((row) => (
          <BoardLine key={row.name} row={row} barred={whyNotMove(me, row)} />
        ))}
      </ul>
      {shown.length === 0 && <p class="waiting">No shadow fits. There are {rows.length} in all.</p>}
    </>
  );
}

function Summary({ rows, nodes }: { rows: BoardRow[]; nodes: NodeCounts }) {
  const on = rows.filter(isOn).length;
  const bad = rows.filter((row) => isOn(row) && row.verdict?.verdict === "no-go").length;
  return (
    <p class="summary">
      <strong class={on > 0 ? "on" : ""}>{on === 0 ? "Nothing is on" : `${on} of ${plural(rows.length, "shadow")} on`}</strong>
      {bad > 0 && <span class="mark bad">{bad} of them no-go</span>}
      <a href="/nodes">
        {count(nodes.synced)} of {plural(nodes.total, "node")} synced
      </a>
      {nodes.stale > 0 && <a href="/nodes?state=STALE" class="mark open">{nodes.stale} stale</a>}
      {nodes.nacked > 0 && <a href="/nodes?state=NACKED" class="mark bad">{nodes.nacked} nacked</a>}
      {nodes.total > nodes.connected && (
        <a href="/nodes?state=gone" class="mark quiet">
          {nodes.total - nodes.connected} not connected
        </a>
      )}
    </p>
  );
}

function fits(row: BoardRow, text: string): boolean {
  const labels = Object.entries(row.labels).map(([key, value]) => `${key}=${value}`);
  const all = [row.name, row.target, row.control ?? "", ...row.stamps, ...labels].join(" ").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

const FIRST = `umbractl apply -f - <<'YAML'
apiVersion: umbra/v1
kind: Stamp
metadata: {name: checkout}
spec: {match: [{path: {prefix: /api/cart}, methods: [GET]}]}
---
apiVersion: umbra/v1
kind: Shadow
metadata: {name: checkout-v2}
spec: {stamps: [checkout], target: {cluster: checkout-v2}, percent: 0}
YAML`;

function NoShadows() {
  return (
    <Empty title="There is no shadow yet">
      <p>
        A stamp says which requests are meant; a shadow, to which Envoy cluster a share of them is copied. Apply one of each: the
        shadow's valve is closed until you open it here.
      </p>
      <Copyable text={FIRST} label="the command" />
      <p>
        Then look whether the Envoys have it: <a href="/nodes">Nodes</a>. To see which requests a stamp takes: <a href="/stamps">Stamps</a>.
      </p>
    </Empty>
  );
}
