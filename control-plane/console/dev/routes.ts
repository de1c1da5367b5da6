// The made-up control plane's routes. `?mock=empty` in the page's address shows a mesh without anything (the page's
// requests carry it in their referrer). Nobody is asked who they are, as with `serve --dev`, except after signing in with
// `umbra_viewer`, `umbra_operator` or `umbra_admin`, or with `?mock=signed-out`.
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Me, Shadow } from "../src/api/types.ts";
import { history, report, verdict } from "./data/evidence.ts";
import { pairs } from "./data/pairs.ts";
import { explain } from "./explain.ts";
import { State } from "./state.ts";

const state = new State(Date.now());

type Body = Record<string, unknown>;
interface Call {
  url: URL;
  body: Body;
  /** What stands in the path for each `*`. */
  parts: string[];
  /** `empty` or `signed-out`. */
  mode: string | null;
  /** Of the session; null without one. */
  role: Me["role"] | null;
  ifMatch: string | undefined;
  key: string | undefined;
  response: ServerResponse;
}

class Refusal {
  constructor(
    readonly status: number,
    readonly kind: string,
    readonly title: string,
    readonly detail: string,
  ) {}
}

const ROUTES: [string, RegExp, (call: Call) => unknown][] = [
  ["GET", /^\/me$/, ({ role }) => me(role)],
  ["POST", /^\/session$/, ({ body, response }) => signIn(body, response)],
  ["DELETE", /^\/session$/, ({ response }) => void response.setHeader("set-cookie", "umbra_session=; Path=/; Max-Age=0")],
  ["GET", /^\/stamps$/, ({ mode }) => ({ items: mode === "empty" ? [] : state.stamps, revision: state.revision, next: null })],
  ["GET", /^\/nodes$/, ({ mode }) => ({ items: mode === "empty" ? [] : state.nodes, revision: state.revision, next: null })],
  ["GET", /^\/shadows\/([^/]+)$/, ({ parts }) => shadow(parts)],
  ["PUT", /^\/shadows\/([^/]+)$/, ({ parts, body, url, ifMatch }) => state.write("update", unmoved(shadow(parts), ifMatch), body as unknown as Shadow, url.searchParams.get("reason"))],
  ["PATCH", /^\/shadows\/([^/]+)\/valve$/, ({ parts, body, role, ifMatch }) => valve(unmoved(shadow(parts), ifMatch), body, role)],
  ["GET", /^\/shadows\/([^/]+)\/report$/, ({ parts, url }) => report(shadow(parts).metadata.name, url.searchParams.get("since"))],
  ["GET", /^\/shadows\/([^/]+)\/verdict$/, ({ parts }) => verdict(shadow(parts))],
  ["GET", /^\/shadows\/([^/]+)\/history$/, ({ url }) => history(seconds(url.searchParams.get("since")), Date.now())],
  ["GET", /^\/shadows\/([^/]+)\/pairs$/, ({ url }) => somePairs(url)],
  ["POST", /^\/explain$/, ({ body }) => explain(body, [...state.shadows.values()], state.stamps)],
  ["GET", /^\/audit$/, ({ url }) => someAudit(url)],
  ["GET", /^\/audit\/verify$/, () => ({ rows: state.audit.length, ok: true, first_bad: null, head: "5f".repeat(32) })],
  ["GET", /^\/tokens$/, () => ({ items: state.tokens, next: null })],
  ["POST", /^\/tokens$/, ({ body, key }) => once(key, () => createToken(body))],
  ["DELETE", /^\/tokens\/([^/]+)$/, ({ parts }) => revoke(parts)],
];

export function answer(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const url = new URL(request.url ?? "/", "http://mock");
  if (!url.pathname.startsWith("/api/v1")) return next();
  const path = url.pathname.slice("/api/v1".length);
  const mode = new URL(request.headers.referer ?? "http://mock").searchParams.get("mock");
  if (path === "/events") return events(url, mode, request, response);
  const role = /umbra_session=(viewer|operator|admin)/.exec(request.headers.cookie ?? "")?.[1] as Me["role"] | undefined;
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const route = ROUTES.find(([method, pattern]) => method === request.method && pattern.test(path));
    try {
      if (route === undefined) throw new Refusal(404, "not-found", "There is no such thing", `nothing is served at ${path}`);
      if (mode === "signed-out" && role === undefined && path !== "/session") {
        throw new Refusal(401, "unauthenticated", "Who are you?", "the request carries no token and no session");
      }
      const parts = (route[1].exec(path) ?? []).slice(1).map(decodeURIComponent);
      const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Body) : {};
      const key = request.headers["idempotency-key"] as string | undefined;
      const ifMatch = request.headers["if-match"];
      reply(response, 200, route[2]({ url, body, parts, mode, role: role ?? null, ifMatch, key, response }));
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const { status, kind, title, detail } = thrown;
      reply(response, status, { type: `urn:umbra:problem:${kind}`, title, status, detail });
    }
  });
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = value === undefined ? 204 : status;
  const revision = (value as { metadata?: { revision?: number } } | undefined)?.metadata?.revision;
  if (revision !== undefined) response.setHeader("etag", `"${revision}"`);
  response.setHeader("content-type", status < 400 ? "application/json" : "application/problem+json");
  response.end(value === undefined ? undefined : JSON.stringify(value));
}

function events(url: URL, mode: string | null, request: IncomingMessage, response: ServerResponse): void {
  const withNodes = url.searchParams.has("nodes");
  response.setHeader("content-type", "text/event-stream");
  const board = mode === "empty" ? { revision: 0, shadows: [], nodes: { total: 0, connected: 0, synced: 0, stale: 0, nacked: 0 } } : state.board();
  const rows = mode === "empty" ? [] : state.nodes;
  response.write(`event: snapshot\ndata: ${JSON.stringify({ ...board, ...(withNodes ? { node_rows: rows } : {}) })}\n\n`);
  if (mode === "empty") return;
  const listener = { response, withNodes };
  state.listeners.add(listener);
  request.on("close", () => state.listeners.delete(listener));
}

const NAMES = { viewer: "wall-display", operator: "jonas", admin: "ada" };
const SCOPE = { shadows: ["media-resizer", "catalogue-next"] };

const me = (role: Me["role"] | null): Me => ({
  name: role === null ? "dev" : NAMES[role],
  role: role ?? "admin",
  scope: role === "operator" ? SCOPE : { all: true },
  via: role === null ? "dev" : "session",
  expires_at: null,
  csrf: role === null ? null : "mock",
});

function signIn(body: Body, response: ServerResponse): unknown {
  const role = /^umbra_(viewer|operator|admin)$/.exec(String(body.token))?.[1] as Me["role"] | undefined;
  if (role !== undefined) {
    response.setHeader("set-cookie", `umbra_session=${role}; Path=/; HttpOnly; SameSite=Strict`);
    return me(role);
  }
  throw new Refusal(401, "unauthenticated", "Who are you?", "there is no such token: it may be mistyped, revoked or past its time");
}

function shadow([name]: string[]): Shadow {
  const found = state.shadows.get(name ?? "");
  if (found === undefined) throw new Refusal(404, "not-found", "There is no such thing", `there is no Shadow/${name}`);
  return found;
}

function unmoved(found: Shadow, ifMatch: string | undefined): Shadow {
  const is = `"${found.metadata.revision}"`;
  if (ifMatch === undefined || ifMatch === is) return found;
  throw new Refusal(412, "stale", "It was changed meanwhile", `${found.metadata.name} is at ${is}, not at ${ifMatch}`);
}

function valve(before: Shadow, body: Body, role: Me["role"] | null): Shadow {
  if (role === "viewer") throw new Refusal(403, "forbidden", "Not allowed", "moving a valve needs the role operator");
  if (role === "operator" && !SCOPE.shadows.includes(before.metadata.name)) {
    throw new Refusal(403, "forbidden", "Not allowed", `${before.metadata.name} is outside the token's scope`);
  }
  const spec = { ...before.spec };
  if (typeof body.percent === "number") spec.percent = body.percent;
  if (typeof body.enabled === "boolean") spec.enabled = body.enabled;
  const expiries = { ...state.expiries.get(before.metadata.name) };
  for (const field of ["percent", "enabled"] as const) {
    if (body[field] === undefined) continue;
    delete expiries[field];
    if (typeof body.for !== "string") continue;
    const at = new Date(Date.now() + seconds(body.for) * 1000).toISOString();
    expiries[field] = { at, percent: null, enabled: null, [field]: before.spec[field] };
  }
  state.expiries.set(before.metadata.name, expiries);
  return state.write("valve", before, { ...before, spec }, typeof body.reason === "string" ? body.reason : null);
}

function seconds(text: string | null): number {
  const [, digits, unit] = /^(\d+)([mhd])/.exec(text ?? "6h") ?? [];
  return Number(digits ?? 6) * ({ m: 60, h: 3_600, d: 86_400 }[unit ?? "h"] ?? 3_600);
}

function somePairs(url: URL): unknown {
  const get = (name: string): string | null => url.searchParams.get(name);
  const before = Number(get("before") ?? Infinity);
  const found = pairs(Date.now()).filter(
    (pair) =>
      pair.id < before &&
      (get("outcome") === null || pair.outcome === get("outcome")) &&
      (get("endpoint") === null || pair.endpoint === get("endpoint")) &&
      (get("pair") === null || pair.pair === get("pair")) &&
      (get("field") === null || pair.differences.some(({ path }) => path === get("field"))),
  );
  const items = found.slice(0, Number(get("limit") ?? 20));
  return { items, next: found.length > items.length ? items.at(-1)?.id : null };
}

function someAudit(url: URL): unknown {
  const wanted = ["actor", "kind", "name", "action"] as const;
  const items = state.audit.filter((row) => wanted.every((key) => [null, row[key]].includes(url.searchParams.get(key))));
  return { items, next: null };
}

/** What was answered, by `Idempotency-Key`. */
const answered = new Map<string, unknown>();

function once(key: string | undefined, work: () => unknown): unknown {
  if (key === undefined) return work();
  if (!answered.has(key)) answered.set(key, work());
  return answered.get(key);
}

function createToken(body: Body): unknown {
  const token = {
    ...(state.tokens[0] as object),
    ...body,
    id: `t${state.tokens.length + 1}`,
    created_by: "ada",
    created_at: new Date().toISOString(),
    last_used_at: null,
  } as (typeof state.tokens)[number];
  state.tokens.push(token);
  return { ...token, token: `umbra_${"k7Qm2x".repeat(6)}` };
}

function revoke([id]: string[]): undefined {
  const token = state.tokens.find((other) => other.id === id);
  if (token !== undefined) token.revoked_at = new Date().toISOString();
}
