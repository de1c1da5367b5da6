import { useEffect, useMemo, useState } from "preact/hooks";

import type { Node } from "../api/types";
import { now } from "../app/clock";
import { query, setQuery } from "../app/router";
import { live } from "../live/connection";
import { count } from "../model/format";
import { nodeState, select } from "../model/nodefilter";
import type { NodeState, SortKey } from "../model/nodefilter";
import { silent } from "../model/workers";
import { Copyable } from "../ui/copy";
import { Empty } from "../ui/empty";
import { NodeMark } from "../ui/mark";
import { Waiting } from "../ui/problem";
import { Time } from "../ui/time";
import { Virtual } from "../ui/virtual";
import { NodeDialog, shortVersion } from "./nodes/detail";

const STATES: [NodeState | "all", string][] = [
  ["all", "all"],
  ["SYNCED", "SYNCED"],
  ["STALE", "STALE"],
  ["NACKED", "NACKED"],
  ["gone", "not connected"],
];

const COLUMNS: [SortKey | null, string][] = [
  ["state", "state"],
  ["id", "node"],
  ["cluster", "cluster"],
  ["zone", "zone"],
  [null, "runs"],
  [null, "share"],
  ["last_seen", "last seen"],
];

/** Below this, rows are laid out in two lines. */
const NARROW = matchMedia("(max-width: 760px)");

export function NodesPage() {
  const rows = live.value?.nodeRows ?? null;
  const text = query.value.get("find") ?? "";
  const state = STATES.find(([name]) => name === query.value.get("state"))?.[0] ?? "all";
  const sort = COLUMNS.find(([key]) => key !== null && key === query.value.get("sort"))?.[0] ?? "state";
  const descending = query.value.get("order") === "descending";
  const shown = useMemo(
    () => (rows === null ? [] : select(rows.values(), { text, state, sort, descending })),
    [rows, text, state, sort, descending],
  );
  const counts = useMemo(() => countStates(rows), [rows]);
  const chosen = query.value.get("node");
  const isNarrow = useNarrow();
  if (rows === null) return <Waiting what="the nodes" />;
  if (rows.size === 0) return <NoNodes />;
  const node = chosen === null ? undefined : rows.get(chosen);
  return (
    <div class="nodes-page">
      <h1 class="sr-only">Nodes</h1>
      <div class="tools">
        <input
          type="search"
          placeholder="Find by id, cluster, zone, version, key=value"
          aria-label="Find nodes"
          value={text}
          onInput={(event) => setQuery({ find: event.currentTarget.value })}
        />
        <fieldset class="spans">
          <legend class="sr-only">State</legend>
          {STATES.map(([value, words]) => (
            <label key={value}>
              <input type="radio" name="state" checked={state === value} onChange={() => setQuery({ state: value === "all" ? null : value })} />
              <span>
                {words} <b>{count(value === "all" ? rows.size : counts[value])}</b>
              </span>
            </label>
          ))}
        </fieldset>
        <p class="small-print" role="status">
          {count(shown.length)} shown
        </p>
      </div>
      <div class="node-table" role="table" aria-label="Nodes" aria-rowcount={shown.length + 1}>
        <div role="rowgroup">
          <div class="node-row head" role="row" aria-rowindex={1}>
            {COLUMNS.map(([key, title]) => (
              <span key={title} role="columnheader" aria-sort={key === null ? undefined : key === sort ? (descending ? "descending" : "ascending") : "none"}>
                {key === null ? (
                  title
                ) : (
                  <button
                    type="button"
                    class="sort"
                    onClick={() => setQuery({ sort: key, order: key === sort && !descending ? "descending" : null })}
                  >
                    {title}
                  </button>
                )}
              </span>
            ))}
          </div>
        </div>
        <Virtual items={shown} rowHeight={isNarrow ? 58 : 32} render={(one, index) => <NodeRow key={one.id} node={one} index={index} />} />
      </div>
      {node !== undefined && <NodeDialog node={node} onClose={() => setQuery({ node: null })} />}
    </div>
  );
}

function NodeRow({ node, index }: { node: Node; index: number }) {
  const on = Object.values(node.shares).filter((share) => share.enabled && share.percent > 0).length;
  const quiet = silent(node, now.value);
  return (
    <div class={`node-row ${nodeState(node)}`} role="row" aria-rowindex={index + 2}>
      <span role="cell">
        <NodeMark node={node} />
        {quiet > 0 && <strong class="silent"> {quiet} silent</strong>}
      </span>
      <span role="cell" class="node-id">
        <button type="button" class="link" onClick={() => setQuery({ node: node.id })} aria-haspopup="dialog">
          {node.id}
        </button>
      </span>
      <span role="cell">{node.cluster}</span>
      <span role="cell">{node.zone}</span>
      <span role="cell" class="node-version">
        <code title={node.applied?.version}>{shortVersion(node.applied)}</code>
      </span>
      <span role="cell">
        {on === 0 ? "nothing on" : `${on} on`}
      </span>
      <span role="cell">
        {node.connected ? "now" : <Time at={node.last_seen} />}
      </span>
    </div>
  );
}

function countStates(rows: ReadonlyMap<string, Node> | null): Record<NodeState, number> {
  const counts = { SYNCED: 0, STALE: 0, NACKED: 0, gone: 0 };
  for (const node of rows?.values() ?? []) counts[nodeState(node)] += 1;
  return counts;
}

function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const changed = (): void => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", changed);
    return () => NARROW.removeEventListener("change", changed);
  }, []);
  return isNarrow;
}

const CLUSTER = `umbra-control-plane:
  type: STRICT_DNS
  typed_extension_protocol_options: {… HTTP/2, keepalive …}
  load_assignment: {… the control plane's port for filters, 18000 …}`;

function NoNodes() {
  return (
    <Empty title="No Envoy has connected yet">
      <p>
        Put the filter into an Envoy's configuration right before the router, and a cluster for the control plane beside it.
        <code>envoy/sidecar</code> in the repository is a complete configuration to copy from; it has this cluster:
      </p>
      <Copyable text={CLUSTER} label="the cluster" />
      <p>
        An Envoy that is configured and does not show up here says why in its log: look for <code>umbra:</code>.
      </p>
    </Empty>
  );
}
