// Which nodes are shown, and in which order. Pure.
import type { Node } from "../api/types";

export type NodeState = "SYNCED" | "STALE" | "NACKED" | "gone";
export type SortKey = "id" | "cluster" | "zone" | "state" | "last_seen";

export interface NodeQuery {
  /** Words that must all be found somewhere in the node. */
  text: string;
  state: NodeState | "all";
  sort: SortKey;
  descending: boolean;
}

/** What deserves a look first. */
const URGENCY: Record<NodeState, number> = { NACKED: 0, gone: 1, STALE: 2, SYNCED: 3 };

/** The state as it is filtered by: one that is not connected is `gone`, whatever it ran. */
export function nodeState(node: Node): NodeState {
  if (node.state === "NACKED") return "NACKED";
  if (!node.connected) return "gone";
  return node.state === "STALE" ? "STALE" : "SYNCED";
}

export function select(nodes: Iterable<Node>, query: NodeQuery): Node[] {
  const words = query.text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const found: Node[] = [];
  for (const node of nodes) {
    if (query.state !== "all" && nodeState(node) !== query.state) continue;
    if (words.length > 0 && !fits(node, words)) continue;
    found.push(node);
  }
  const sign = query.descending ? -1 : 1;
  return found.toSorted((a, b) => sign * compare(a, b, query.sort) || (a.id < b.id ? -1 : 1));
}

function fits(node: Node, words: string[]): boolean {
  const metadata = Object.entries(node.metadata).map(([key, value]) => `${key}=${value}`);
  const versions = [node.applied?.version, node.desired?.version];
  const envoy = `envoy=${node.envoy_version}`;
  const text = [node.id, node.cluster, node.zone, node.region, envoy, node.nack?.reason, ...versions, ...metadata].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function compare(a: Node, b: Node, key: SortKey): number {
  if (key === "state") return URGENCY[nodeState(a)] - URGENCY[nodeState(b)];
  return a[key] < b[key] ? -1 : Number(a[key] > b[key]);
}
