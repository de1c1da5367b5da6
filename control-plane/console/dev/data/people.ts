import type { AuditRow, Shadow, Token } from "../../src/api/types.ts";

const ago = (now: number, minutes: number): string => new Date(now - minutes * 60_000).toISOString();

export function audit(shadows: Shadow[], now: number): AuditRow[] {
  const of = (name: string): Shadow => shadows.find((shadow) => shadow.metadata.name === name) ?? (shadows[0] as Shadow);
  const at = (shadow: Shadow, change: Partial<Shadow["spec"]>): Shadow => ({ ...shadow, spec: { ...shadow.spec, ...change } });
  const row = (id: number, minutes: number, more: Partial<AuditRow>): AuditRow => ({
    id,
    revision: id,
    at: ago(now, minutes),
    actor: "maja",
    source: "10.4.1.20:51334",
    action: "valve",
    kind: "Shadow",
    name: "checkout-v2",
    before: null,
    after: null,
    reason: null,
    hash: id.toString(16).padStart(8, "0").repeat(8),
    ...more,
  });
  const checkout = of("checkout-v2");
  return [
    row(52, 4, { before: at(checkout, { percent: 10 }), after: checkout, reason: "10 % looked quiet for an hour" }),
    row(51, 11, { actor: "umbra", action: "expire", name: "media-resizer", before: at(of("media-resizer"), { enabled: true }), after: of("media-resizer"), reason: "the change 48 by jonas was for 2h" }),
    row(50, 64, { before: at(checkout, { percent: 5 }), after: at(checkout, { percent: 10 }) }),
    row(49, 71, { actor: "ci-deploy", action: "update", name: "search-reranker", before: at(of("search-reranker"), { compare: { body: "full" } }), after: of("search-reranker"), reason: "ignore requestId" }),
    row(48, 131, { actor: "jonas", name: "media-resizer", before: of("media-resizer"), after: at(of("media-resizer"), { enabled: true }), reason: "load test" }),
    row(47, 190, { actor: "ada", action: "create", kind: "Token", name: "ci-deploy" }),
    row(46, 1_400, { actor: "ada", action: "create", name: "inventory-eventsourced-rewrite", after: of("inventory-eventsourced-rewrite") }),
  ];
}

export function tokens(now: number): Token[] {
  const token = (id: string, name: string, more: Partial<Token>): Token => ({
    id,
    name,
    role: "operator",
    scope: { all: true },
    created_at: ago(now, 40_000),
    created_by: "ada",
    expires_at: null,
    last_used_at: ago(now, 3),
    revoked_at: null,
    ...more,
  });
  return [
    token("t1", "ada", { role: "admin", created_by: "bootstrap" }),
    token("t2", "maja", { scope: { selector: "team=cart" }, expires_at: ago(now, -30_000) }),
    token("t3", "jonas", { scope: { shadows: ["media-resizer", "catalogue-next"] } }),
    token("t4", "ci-deploy", { role: "admin", expires_at: ago(now, -2_000), last_used_at: ago(now, 71) }),
    token("t5", "wall-display", { role: "viewer", last_used_at: null }),
    token("t6", "temp-2026-10", { revoked_at: ago(now, 9_000) }),
  ];
}
