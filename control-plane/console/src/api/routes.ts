// The API's routes that the console uses, by what they mean.
import { ask, call, queryString, segment } from "./client";
import type { Answered } from "./client";
import type { History, Pair, Report, Verdict } from "./evidence";
import type { ExplainNode, ExplainRequest, Explanation } from "./explain";
import type { Change } from "../model/step";
import type { AuditCheck, AuditRow, CreatedToken, Me, NewToken, Node, Page, Shadow, Stamp, Token } from "./types";

/** A stretch of time, as the API takes it: `30m`, or a time. */
export interface Span {
  since?: string;
  until?: string;
}

export const me = (): Promise<Me> => call("/me");
export const signIn = (token: string): Promise<Me> => call("/session", { method: "POST", body: { token }, writes: false });
export const signOut = (): Promise<void> => call("/session", { method: "DELETE" });

export const stamps = (): Promise<Page<Stamp>> => all("/stamps");
export const shadow = (name: string): Promise<Answered<Shadow>> => ask(`/shadows/${segment(name)}`);
export const nodes = (): Promise<Page<Node>> => all("/nodes");

/** Moves it if the shadow is still what it was; whatever it is now where `etag` is null. */
export const moveValve = (name: string, change: Change, etag: string | null): Promise<Shadow> =>
  call(`/shadows/${segment(name)}/valve`, {
    method: "PATCH",
    body: change,
    ...(etag === null ? {} : { headers: { "if-match": etag } }),
  });

/** Replaces it if it is still what it was. */
export const putShadow = (changed: Shadow, etag: string, reason: string): Promise<Shadow> =>
  call(`/shadows/${segment(changed.metadata.name)}`, {
    method: "PUT",
    body: changed,
    headers: { "if-match": etag },
    query: { reason },
  });

const about = (name: string, what: string): string => `/shadows/${segment(name)}/${what}`;

export const report = (name: string, span: Span, signal?: AbortSignal): Promise<Report> =>
  call(about(name, "report"), { query: { ...span }, ...(signal ? { signal } : {}) });
export const verdict = (name: string, span: Span, signal?: AbortSignal): Promise<Verdict> =>
  call(about(name, "verdict"), { query: { ...span }, ...(signal ? { signal } : {}) });
export const history = (name: string, span: Span, signal?: AbortSignal): Promise<History> =>
  call(about(name, "history"), { query: { ...span }, ...(signal ? { signal } : {}) });

export interface PairFilter {
  outcome?: string;
  endpoint?: string;
  field?: string;
  pair?: string;
  before?: number;
  limit?: number;
}

export const pairs = (name: string, filter: PairFilter, signal?: AbortSignal): Promise<Page<Pair>> =>
  call(about(name, "pairs"), { query: { ...filter }, ...(signal ? { signal } : {}) });

export const explain = (request: ExplainRequest, node: ExplainNode | null): Promise<Explanation> =>
  call("/explain", { method: "POST", body: { request, node }, writes: false });

export interface AuditFilter {
  actor?: string;
  kind?: string;
  name?: string;
  action?: string;
  since?: string;
  until?: string;
}

export const audit = (filter: AuditFilter, before: number | null, limit: number): Promise<Page<AuditRow>> =>
  call("/audit", { query: { ...filter, before, limit } });
export const auditExport = (filter: AuditFilter): string =>
  `/api/v1/audit${queryString({ ...filter, format: "ndjson" })}`;
/** Goes through the whole trail, which takes as long as that is. */
export const verifyAudit = (): Promise<AuditCheck> => call("/audit/verify", { limitMs: null });

export const tokens = (): Promise<Page<Token>> => all("/tokens");
export const createToken = async (token: NewToken): Promise<CreatedToken> =>
  call("/tokens", { method: "POST", body: token, once: true });
export const revokeToken = (id: string): Promise<void> => call(`/tokens/${segment(id)}`, { method: "DELETE" });

/** Every page of a list. */
async function all<Item>(path: string): Promise<Page<Item>> {
  const items: Item[] = [];
  let cursor: string | number | null | undefined;
  do {
    const page: Page<Item> = await call(path, { query: { cursor } });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && cursor !== undefined);
  return { items };
}
