// Where things stand on a gate's scale. Pure.
import type { Reason } from "../api/evidence";
import { count, digits, duration, share } from "./format";

export interface GateScale {
  /** All from 0 (left end) to 1 (right end). */
  limit: number;
  observed: number | null;
  interval: [number, number];
  /** Whether the interval goes on beyond the end of the scale. */
  openLeft: boolean;
  openRight: boolean;
  /** Where the value without any difference is, if it is on the scale: 0 for rates, 1 for ratios. */
  neutral: number | null;
}

/** The scale of a gate that has an interval: rates and latency ratios. Null for the others. */
export function gateScale({ gate, observed, limit, interval }: Reason): GateScale | null {
  if (!hasInterval(gate)) return null;
  const neutral = isRatio(gate) ? 1 : 0;
  const [low = null, high = null] = interval;
  const reach = Math.abs(limit - neutral) || 0.01;
  const seen = [neutral, limit, low, high, observed].filter((value) => value !== null);
  // The limit stays in sight, whatever is far away from it.
  const start = Math.max(Math.min(...seen), neutral - 4 * reach);
  const end = Math.min(Math.max(...seen), neutral + 8 * reach);
  const margin = (end - start) * 0.06;
  const [from, to] = [start - margin, end + margin];
  const at = (value: number): number => Math.min(1, Math.max(0, (value - from) / (to - from)));
  return {
    limit: at(limit),
    observed: observed === null ? null : at(observed),
    interval: [low === null ? 0 : at(low), high === null ? 1 : at(high)],
    openLeft: low === null || low < from,
    openRight: high === null || high > to,
    neutral: at(neutral),
  };
}

/** A value of a gate in its unit. */
export function gateValue(gate: string, value: number | null): string {
  if (value === null) return "—";
  if (gate === "min_pairs") return count(value);
  if (gate === "min_duration") return duration(value);
  return isRatio(gate) ? `${digits(value)}×` : share(value);
}

function isRatio(gate: string): boolean {
  return gate.startsWith("max_latency_ratio");
}

function hasInterval(gate: string): boolean {
  return gate.startsWith("max_");
}
