import type { BoardRow, Shadow, Stamp } from "../../src/api/types.ts";

/** name, team, on, percent, control, what is known of it */
const SHADOWS: [string, string, boolean, number, boolean, "go" | "no-go" | "not-enough-evidence" | null][] = [
  ["checkout-v2", "cart", true, 25, true, "no-go"],
  ["search-reranker", "search", true, 5, true, "not-enough-evidence"],
  ["catalogue-next", "catalogue", true, 100, false, "go"],
  ["prices-in-rust", "prices", true, 50, true, "go"],
  ["recommendations-b", "search", true, 0.5, false, "not-enough-evidence"],
  ["accounts-split", "identity", true, 1, true, "not-enough-evidence"],
  ["media-resizer", "media", false, 10, false, "go"],
  ["orders-postgres-17", "orders", false, 0, true, null],
  ["shipping-quotes", "orders", false, 20, false, "no-go"],
  ["sessions-on-valkey", "identity", false, 0, false, null],
  ["tax-2027", "prices", false, 0, true, null],
  ["inventory-eventsourced-rewrite", "catalogue", false, 0, false, null],
];

export function shadow(index: number): Shadow {
  const [name, team, enabled, percent, control] = SHADOWS[index] ?? ["", "", false, 0, false];
  return {
    apiVersion: "umbra/v1",
    kind: "Shadow",
    metadata: { name, labels: { team }, revision: 40 + index, updated_at: "2026-11-20T09:12:00.000Z" },
    spec: {
      stamps: [team],
      target: { cluster: name },
      ...(control ? { control: { cluster: `${team}-b` } } : {}),
      enabled,
      percent,
      sample: { by: "cookie", name: "session" },
      guard: { methods: ["GET", "HEAD"] },
      ...(index === 3 ? { overrides: [{ where: { zone: "eu-central-1a" }, percent: 80 }] } : {}),
      compare: {
        body: "full",
        headers: ["content-type", "location"],
        ignore: ["$.requestId"],
        endpoints: ["/cart/{id}"],
      },
      gates: { min_pairs: 1000, max_body_mismatch: 0.005, max_latency_ratio: { p50: 1.1, p95: 1.2, p99: 1.3 } },
    },
  };
}

export const shadows = (): Shadow[] => SHADOWS.map((_, index) => shadow(index));

export function stamps(): Stamp[] {
  const stamp = (name: string, match: Stamp["spec"]["match"], revision: number): Stamp => ({
    apiVersion: "umbra/v1",
    kind: "Stamp",
    metadata: { name, revision, updated_at: "2026-11-02T08:00:00.000Z" },
    spec: { match },
  });
  return [
    stamp("cart", [
      { hosts: ["shop.example.com", "*.shop.example.com"], path: { prefix: "/api/cart" }, methods: ["GET", "HEAD"] },
      { hosts: ["shop.example.com"], path: { template: "/users/{id}/cart" }, headers: [{ name: "x-tenant", exact: "acme" }] },
    ], 3),
    stamp("catalogue", [{ hosts: ["shop.example.com"], path: { prefix: "/products" } }], 4),
    stamp("identity", [{ path: { regex: "/(login|sessions)(/.*)?" }, cookies: [{ name: "beta", present: true }] }], 5),
    stamp("media", [{ hosts: ["img.example.com"], query: [{ name: "w", regex: "[0-9]+" }] }], 6),
    stamp("orders", [{ path: { prefix: "/orders" }, headers: [{ name: "x-debug", absent: true }] }], 7),
    stamp("prices", [{ path: { prefix: "/prices" } }], 8),
    stamp("search", [{ path: { exact: "/search" }, methods: ["GET"] }], 9),
  ];
}

const FIRST: Record<string, NonNullable<BoardRow["verdict"]>["first"]> = {
  "no-go": {
    gate: "max_body_mismatch",
    state: "fail",
    words:
      "the shadow's answer differs in headers or body on 2.3 % of the pairs more often than a second answer of production does " +
      "(1.9 % to 2.7 %); the limit is 0.5 %: GET /cart/{id} $.items[*].price (type) on 412 of 14,210 pairs",
  },
  "not-enough-evidence": {
    gate: "max_latency_ratio.p99",
    state: "open",
    words:
      "the shadow's p99 latency is 1.18 times the primary's (0.92 to 1.61): 212 ms against 180 ms; the limit is 1.3; about " +
      "6,300 more pairs should settle it",
  },
  go: { gate: "min_pairs", state: "pass", words: "there are 48,120 pairs; at least 1,000 are asked for" },
};

const PAIRS = { "no-go": 18_240, "not-enough-evidence": 2_413, go: 48_120 };
const SUMMARY = {
  "no-go": "after 18,240 pairs the shadow is past its limit on max_body_mismatch",
  "not-enough-evidence": "after 2,413 pairs there is no telling yet on max_latency_ratio.p99; about 6,300 more pairs should settle it",
  go: "after 48,120 pairs every gate is inside its limit",
};

/** What the board shows of a shadow, at a moment when nothing moves. */
export function boardRow(of: Shadow, nodes: number): BoardRow {
  const { metadata, spec } = of;
  const known = SHADOWS.find(([name]) => name === metadata.name)?.[5] ?? null;
  const [enabled, percent] = [spec.enabled ?? true, spec.percent ?? 0];
  const highest = Math.max(percent, ...(spec.overrides ?? []).map((override) => override.percent));
  const flowing = enabled ? percent * 31.7 : 0;
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    revision: metadata.revision ?? 0,
    etag: `"${metadata.revision}"`,
    enabled,
    percent,
    target: spec.target.cluster,
    control: spec.control?.cluster ?? null,
    stamps: spec.stamps,
    in_effect: {
      workers: nodes,
      following: nodes - (metadata.name === "search-reranker" ? 9 : 0),
      lowest_percent: enabled ? percent : 0,
      highest_percent: enabled ? highest : 0,
    },
    rates: {
      seconds: 10,
      mirrored_per_second: flowing,
      shed_per_second: 0,
      failed_per_second: known === "no-go" ? flowing * 0.004 : 0,
      mismatched_per_second: known === "no-go" ? flowing * 0.023 : 0,
    },
    verdict: known === null ? null : { verdict: known, pairs: PAIRS[known], summary: SUMMARY[known], first: FIRST[known] ?? null },
    expiry: null,
  };
}
