import { expect, test } from "vitest";

import type { Reason } from "../api/evidence";
import { gateScale, gateValue } from "./scale";

const reason = (gate: string, observed: number | null, limit: number, interval: Reason["interval"]): Reason => ({
  gate,
  state: "open",
  observed,
  limit,
  interval,
  more_pairs: null,
  endpoint: null,
  words: "",
  carriers: [],
  examples: [],
});

test("what is less stands further left", () => {
  const scale = gateScale(reason("max_body_mismatch", 0.023, 0.005, [0.019, 0.027]));
  expect(scale?.neutral).toBeLessThan(scale?.limit ?? 0);
  expect(scale?.limit).toBeLessThan(scale?.interval[0] ?? 0);
  expect(scale?.interval[0]).toBeLessThan(scale?.observed ?? 0);
  expect(scale?.openRight).toBe(false);
});

test("an interval without an end reaches the end of the scale", () => {
  const scale = gateScale(reason("max_latency_ratio.p99", null, 1.3, [0.9, null]));
  expect([scale?.interval[1], scale?.openRight, scale?.observed]).toEqual([1, true, null]);
});

test("the limit stays in sight", () => {
  const scale = gateScale(reason("max_error_excess", 1, 0.001, [0.99, 1]));
  expect(scale?.limit).toBeGreaterThan(0.1);
  expect(scale?.openRight).toBe(true);
});

test("counts and times have no interval", () => {
  expect(gateScale(reason("min_pairs", 5, 1000, [5, 5]))).toBeNull();
  expect([gateValue("min_pairs", 1000), gateValue("min_duration", 600_000)]).toEqual(["1,000", "10m"]);
  expect([gateValue("max_latency_ratio.p50", 1.1), gateValue("max_body_mismatch", 0.005)]).toEqual(["1.1×", "0.5 %"]);
});
