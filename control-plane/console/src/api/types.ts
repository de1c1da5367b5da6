// What the API answers. Where its description has a schema, the type comes from there.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Stamp = Schemas["Stamp"];
export type Shadow = Schemas["Shadow"];
export type ShadowSpec = Schemas["ShadowSpec"];
export type Clause = Schemas["StampSpec"]["match"][number];
export type Node = Schemas["NodeView"];
export type Resource = Stamp | Shadow;

/** Rising: each may do what those before it may. */
export type Role = "viewer" | "operator" | "admin";
/** What an operator may move, or which nodes a node's token stands for. Reading is not scoped. */
export type Scope = { all: true } | { shadows: string[] } | { selector: string } | { nodes: string[] };

export interface Me {
  name: string;
  role: Role;
  scope: Scope;
  via: "dev" | "token" | "session" | "oidc";
  expires_at: string | null;
  /** Sent back with every write that the session's cookie vouches for. */
  csrf: string | null;
}

export interface Token {
  id: string;
  name: string;
  /** A node's reads the node's own policy and reports, and is good for nothing else. */
  role: Role | "node";
  scope: Scope;
  created_at: string;
  created_by: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface NodeCounts {
  total: number;
  connected: number;
  synced: number;
  stale: number;
  nacked: number;
}

export type VerdictName = "go" | "no-go" | "not-enough-evidence";
export type GateState = "pass" | "fail" | "open";

export interface BoardRow {
  name: string;
  labels: Record<string, string>;
  revision: number;
  etag: string;
  enabled: boolean;
  percent: number;
  target: string;
  control: string | null;
  stamps: string[];
  /** What the connected nodes do. */
  in_effect: { workers: number; following: number; lowest_percent: number | null; highest_percent: number | null };
  rates: {
    seconds: number;
    mirrored_per_second: number;
    failed_per_second: number;
    mismatched_per_second: number;
  } | null;
  verdict: {
    verdict: VerdictName;
    pairs: number;
    summary: string;
    first: { gate: string; state: GateState; words: string } | null;
  } | null;
  /** What it goes back to, and when. */
  expiry: { at: string; percent: number | null; enabled: boolean | null } | null;
}

export interface Board {
  revision: number;
  shadows: BoardRow[];
  nodes: NodeCounts;
  node_rows?: Node[];
}

export interface AuditRow {
  id: number;
  revision: number;
  at: string;
  actor: string;
  source: string;
  action: string;
  kind: string;
  name: string;
  before?: unknown;
  after?: unknown;
  reason?: string | null;
  hash?: string | null;
}

export interface AuditCheck {
  rows: number;
  ok: boolean;
  first_bad: number | null;
  head: string;
}

export interface Page<Item> {
  items: Item[];
  next?: number | string | null;
}
