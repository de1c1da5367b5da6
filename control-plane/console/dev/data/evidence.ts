import type { Shadow } from "../../src/api/types.ts";
import type { History, Quantiles, Reason, Report, Verdict } from "../../src/api/evidence.ts";
import { Random } from "./random.ts";

const reason = (more: Partial<Reason> & Pick<Reason, "gate" | "state" | "observed" | "limit" | "interval" | "words">): Reason => ({
  more_pairs: null,
  endpoint: null,
  carriers: [],
  examples: [],
  ...more,
});

/** Past its limit by prices that became text, until they are ignored. */
export function verdict({ metadata, spec }: Shadow): Verdict {
  const found = noGo(metadata.name);
  if (spec.compare?.ignore?.includes("$.items[*].price") !== true) return found;
  const reasons = found.reasons.map((one): Reason => (one.state === "fail" ? { ...one, state: "open", carriers: [], examples: [] } : one));
  return { ...found, verdict: "not-enough-evidence", reasons, summary: "after 212 pairs there is no telling yet on max_body_mismatch" };
}

function noGo(shadow: string): Verdict {
  return {
    shadow,
    evidence_since: "2026-11-20T09:12:00.000Z",
    since: null,
    until: null,
    verdict: "no-go",
    pairs: 18_240,
    summary: "after 18,240 pairs the shadow is past its limit on max_body_mismatch",
    reasons: [
      reason({
        gate: "max_body_mismatch",
        state: "fail",
        observed: 0.023,
        limit: 0.005,
        interval: [0.019, 0.027],
        words:
          "the shadow's answer differs in headers or body on 2.3 % of the pairs more often than a second answer of production " +
          "does (1.9 % to 2.7 %); the limit is 0.5 %: GET /cart/{id} $.items[*].price (type) on 412 of 14,210 pairs",
        carriers: [
          { endpoint: "GET /cart/{id}", field: "$.items[*].price", kind: "type", pairs: 412, of: 14_210 },
          { endpoint: "GET /cart/{id}", field: "$.items", kind: "order", pairs: 63, of: 14_210 },
        ],
        examples: [417, 412, 407].map((id) => id.toString(16).padStart(32, "0")),
      }),
      reason({
        gate: "max_latency_ratio.p99",
        state: "open",
        observed: 1.18,
        limit: 1.3,
        interval: [0.92, 1.61],
        more_pairs: 6_300,
        words:
          "the shadow's p99 latency is 1.18 times the primary's (0.92 to 1.61): 212 ms against 180 ms; the limit is 1.3; about " +
          "6,300 more pairs should settle it",
      }),
      reason({ gate: "max_error_excess", state: "pass", observed: -0.0001, limit: 0.001, interval: [-0.0006, 0.0005], words: "the primary answered with an error on 0.01 % of the pairs more often than the shadow (-0.06 % to 0.05 %); the limit is 0.1 %" }),
      reason({ gate: "max_status_mismatch", state: "pass", observed: 0, limit: 0.001, interval: [-0.0004, 0.0004], words: "the shadow's status differs on 0 % of the pairs (-0.04 % to 0.04 %); the limit is 0.1 %" }),
      reason({ gate: "max_latency_ratio.p50", state: "pass", observed: 1.02, limit: 1.1, interval: [0.99, 1.05], words: "the shadow's p50 latency is 1.02 times the primary's (0.99 to 1.05): 12.4 ms against 12.1 ms; the limit is 1.1" }),
      reason({ gate: "max_latency_ratio.p95", state: "pass", observed: 1.06, limit: 1.2, interval: [0.97, 1.17], words: "the shadow's p95 latency is 1.06 times the primary's (0.97 to 1.17): 61 ms against 57.5 ms; the limit is 1.2" }),
      reason({ gate: "min_pairs", state: "pass", observed: 18_240, limit: 1_000, interval: [18_240, 18_240], words: "there are 18,240 pairs; at least 1,000 are asked for" }),
      reason({ gate: "min_duration", state: "pass", observed: 93_600_000, limit: 600_000, interval: [93_600_000, 93_600_000], words: "the pairs span 1d 2h; at least 10m are asked for" }),
    ],
  };
}

const quantiles = (p50: number): Quantiles => ({ p50, p90: p50 * 3.1, p95: p50 * 4.7, p99: p50 * 14.9 });

/** By stretches, fields differ more and less. */
export function report(shadow: string, since: string | null): Report {
  const sway = since === null ? 1 : 0.6 + 0.4 * Math.sin(Date.parse(since) / 4_000_000);
  const latency = (pairs: number, slower: number): Report["latency_ms"] => ({
    pairs,
    primary: quantiles(12.1),
    shadow: quantiles(12.1 * slower),
    ratio: { p50: slower, p90: slower * 1.01, p95: slower * 1.03, p99: slower * 1.15, mean: slower, interval: [slower - 0.02, slower + 0.03] },
  });
  const part = (pairs: number, raw: number, noise: number): Omit<Report["endpoints"][number], "endpoint" | "fields" | "truncated_bodies" | "pairs"> => ({
    outcomes: { shadow: [], control: [] },
    error_rates: { primary: 0.0004, shadow: 0.0003, control: 0.0004 },
    statuses: [{ primary: 200, shadow: 200, control: 200, count: pairs }],
    status_mismatch: { compared: pairs, raw: 0, noise: 0, over_noise: 0 },
    body_mismatch: { compared: pairs, raw, noise, over_noise: raw - noise },
    latency_ms: latency(pairs, 1.02),
  });
  const field = (path: string, kind: Report["endpoints"][number]["fields"][number]["kind"], raw: number, noise: number, isNoise = false) => ({
    path,
    kind,
    raw: Math.round(raw * sway),
    noise: Math.round(noise * sway),
    excess: Math.round((raw - noise) * sway),
    is_noise: isNoise,
    examples: [{ pair: (417).toString(16).padStart(32, "0"), at: path.replaceAll("[*]", "[2]"), primary: 12.5, shadow: "12.5" }],
  });
  return {
    shadow,
    evidence_since: "2026-11-20T09:12:00.000Z",
    since: null,
    until: null,
    sent: 18_251,
    shed: 0,
    answers: { compared: 18_190, unequal: 14_600, examined: 3_120 },
    mirrored: 18_249,
    began_ms: Date.now() - 93_600_000,
    ended_ms: Date.now() - 1_000,
    ...part(18_240, 0.781, 0.758),
    outcomes: {
      shadow: [
        { outcome: "answered", count: 18_190 },
        { outcome: "timeout", count: 31 },
        { outcome: "reset", count: 19 },
        { outcome: "never_seen", count: 9 },
      ],
      control: [{ outcome: "answered", count: 18_238 }],
    },
    statuses: [
      { primary: 200, shadow: 200, control: 200, count: 17_310 },
      { primary: 404, shadow: 404, control: 404, count: 822 },
      { primary: 200, shadow: null, control: 200, count: 50 },
      { primary: 200, shadow: 500, control: 200, count: 31 },
      { primary: 503, shadow: 200, control: 200, count: 19 },
      { primary: 404, shadow: 200, control: 404, count: 8 },
    ],
    endpoints: [
      {
        endpoint: "GET /cart/{id}",
        pairs: 14_210,
        truncated_bodies: 0,
        ...part(14_210, 0.042, 0.004),
        fields: [
          field("$.items[*].price", "type", 412, 0),
          field("$.items", "order", 63, 0),
          field("$.loyalty", "extra", 41, 0),
          field("$.customer.tier", "missing", 40, 0),
          field("$.servedBy", "value", 14_180, 14_176, true),
        ],
      },
      { endpoint: "GET /cart/{id}/totals", pairs: 3_912, truncated_bodies: 3, ...part(3_912, 0.0018, 0.002), fields: [field("$.computedAt", "value", 3_912, 3_912, true), field("header:etag", "value", 12, 2)] },
      { endpoint: "HEAD /cart/{id}", pairs: 118, truncated_bodies: 0, ...part(118, 0, 0), fields: [] },
    ],
  };
}

export function history(seconds: number, now: number): History {
  const step = Math.max(10, Math.ceil(seconds / 180 / 10) * 10);
  const random = new Random(3);
  const many = Math.floor(seconds / step);
  const points = Array.from({ length: many }, (_, index): History["points"][number] => {
    const wave = Math.sin(index / 17);
    const [p, s] = [12 + 2 * wave + random.next(), 12.4 + 2.1 * wave + random.next() * 1.6];
    const isGap = index > many * 0.41 && index < many * 0.45;
    const or = <T>(value: T): T | null => (isGap ? null : value);
    const ratio = s / p;
    return {
      at: new Date(now - (many - index) * step * 1000).toISOString(),
      pairs: isGap ? 0 : 90 + random.below(30),
      mirrored: isGap ? 0 : 95 + random.below(30),
      primary_error_rate: or(random.next() * 0.0009),
      shadow_error_rate: or(random.next() * (index > many * 0.7 ? 0.004 : 0.001)),
      mismatch_raw: or(0.75 + random.next() * 0.05),
      mismatch_over_noise: or(0.018 + random.next() * 0.009),
      primary_ms: { p50: or(p), p95: or(p * 4.6), p99: or(p * 13 + random.next() * 20) },
      shadow_ms: { p50: or(s), p95: or(s * 4.8), p99: or(s * 14 + random.next() * 40) },
      ratio: { p50: or(ratio), p95: or(ratio * 1.05), p99: or(ratio * 1.2), mean: or(ratio), interval: isGap ? null : [ratio - 0.07, ratio + 0.07] },
    };
  });
  return { step_seconds: step, points };
}
