// What the API answers, by its description. Where that has any text, the words that the server uses stand here.
import type { components } from "./schema";

type Schemas = components["schemas"];

/** A type with some of its fields told more closely. */
type Told<T, Closer> = Omit<T, keyof Closer> & Closer;

export type Stamp = Schemas["Stamp"];
export type Shadow = Schemas["Shadow"];
export type ShadowSpec = Schemas["ShadowSpec"];
export type Clause = Schemas["StampSpec"]["match"][number];
export type Node = Schemas["NodeView"];
export type Worker = Node["workers"][number];
export type Resource = Stamp | Shadow;

/** Rising: each may do what those before it may. */
export type Role = "viewer" | "operator" | "admin";
/** What an operator may move, or which nodes a node's token stands for: one of the fields is there. Reading is not scoped. */
export type Scope = Schemas["Scope"];
/** `csrf` is sent back with every write that the session's cookie vouches for. */
export type Me = Told<Schemas["Me"], { role: Role; via: "dev" | "token" | "session" | "oidc" }>;
/** A node's reads the node's own policy and reports, and is good for nothing else. */
export type Token = Told<Schemas["Token"], { role: Role | "node" }>;
export type CreatedToken = Schemas["CreatedToken"];
export type NewToken = Told<Schemas["NewToken"], { role: Token["role"] }>;

export type NodeCounts = Schemas["NodesRow"];
export type VerdictName = "go" | "no-go" | "not-enough-evidence";
export type GateState = "pass" | "fail" | "open";
export type FirstReason = Told<Schemas["FirstReason"], { state: GateState }>;
export type BoardVerdict = Told<Schemas["VerdictRow"], { verdict: VerdictName; first?: FirstReason | null }>;
export type BoardRow = Told<Schemas["BoardRow"], { verdict?: BoardVerdict | null }>;
/** What the event stream begins with; the nodes' rows where they were asked for. */
export type Board = Told<Schemas["Board"], { shadows: BoardRow[] }> & { node_rows?: Node[] };

/** Which parts of a resource changed stands in what was before and after. */
export type AuditRow = Told<Schemas["AuditRow"], { before?: unknown; after?: unknown }>;
export type AuditCheck = Schemas["AuditVerdict"];

/** A page of a list. Where the next one begins, if there is one: a cursor, or the id of the last row. */
export interface Page<Item> {
  items: Item[];
  next?: number | string | null;
}
