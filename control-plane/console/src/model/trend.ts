// How often a field differed, stretch by stretch: what a sparkline draws. Pure.
import type { HistoryPoint, Report } from "../api/evidence";

/** The points with an empty one in each stretch in which nothing was measured, so that no line is drawn across it. */
export function withGaps(points: HistoryPoint[], stepSeconds: number): HistoryPoint[] {
  const filled: HistoryPoint[] = [];
  let before: HistoryPoint | undefined;
  for (const point of points) {
    const expected = before === undefined ? null : Date.parse(before.at) + stepSeconds * 1000;
    if (expected !== null && Date.parse(point.at) > expected + stepSeconds * 500) filled.push(nothing(new Date(expected).toISOString()));
    filled.push(point);
    before = point;
  }
  return filled;
}

function nothing(at: string): HistoryPoint {
  const none = { p50: null, p95: null, p99: null };
  return {
    at,
    pairs: 0,
    mirrored: 0,
    primary_error_rate: null,
    shadow_error_rate: null,
    mismatch_raw: null,
    mismatch_over_noise: null,
    primary_ms: none,
    shadow_ms: none,
    ratio: { ...none, mean: null, interval: null },
  };
}

/** A span as equal stretches, the oldest first; each at least as long as the server's windows of 10 seconds. */
export function stretches(fromMs: number, untilMs: number, many: number): { since: string; until: string }[] {
  const step = Math.max(10_000, (untilMs - fromMs) / many);
  const found: { since: string; until: string }[] = [];
  for (let at = fromMs; at + step <= untilMs + 1 && found.length < many; at += step) {
    found.push({ since: new Date(at).toISOString(), until: new Date(at + step).toISOString() });
  }
  return found;
}

/** Which field of which endpoint. */
export function fieldKey(endpoint: string, field: { path: string; kind: string }): string {
  return `${endpoint} ${field.path} ${field.kind}`;
}

/** For each field, the share of its endpoint's pairs that differed; null where there were no pairs. */
export function trends(reports: Report[]): Map<string, (number | null)[]> {
  const found = new Map<string, (number | null)[]>();
  for (const report of reports) {
    for (const { endpoint, fields } of report.endpoints) {
      for (const field of fields) found.set(fieldKey(endpoint, field), []);
    }
  }
  for (const report of reports) {
    const shares = new Map<string, number>();
    const seen = new Set<string>();
    for (const { endpoint, fields, body_mismatch } of report.endpoints) {
      if (body_mismatch.compared === 0) continue;
      seen.add(endpoint);
      for (const field of fields) shares.set(fieldKey(endpoint, field), field.raw / body_mismatch.compared);
    }
    for (const [key, values] of found) {
      const hasPairs = [...seen].some((endpoint) => key.startsWith(`${endpoint} `));
      values.push(shares.get(key) ?? (hasPairs ? 0 : null));
    }
  }
  return found;
}
