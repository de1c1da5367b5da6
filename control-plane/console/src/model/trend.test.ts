import { expect, test } from "vitest";

import { history, report } from "../../dev/data/evidence";
import { fieldKey, stretches, trends, withGaps } from "./trend";

test("a span is cut into equal stretches, none shorter than a window", () => {
  const cut = stretches(0, 120_000, 12);
  expect([cut.length, cut[0]?.since, cut[11]?.until]).toEqual([12, "1970-01-01T00:00:00.000Z", "1970-01-01T00:02:00.000Z"]);
  expect(stretches(0, 30_000, 12)).toHaveLength(3);
  expect(stretches(0, 5_000, 12)).toEqual([]);
});

test("a field that was not seen in a stretch differed in none of its pairs", () => {
  const [first, second, third] = [report("a", null), report("a", null), report("a", null)];
  for (const endpoint of second.endpoints) endpoint.fields = [];
  third.endpoints = [];
  const found = trends([first, second, third]);
  const values = found.get(fieldKey("GET /cart/{id}", { path: "$.loyalty", kind: "extra" }));
  expect(values?.map((value) => (value === null ? null : value > 0))).toEqual([true, false, null]);
});

test("no line is drawn across a time without figures", () => {
  const { step_seconds, points } = history(3_600, 0);
  expect(withGaps(points, step_seconds)).toEqual(points);
  const gap = withGaps([...points.slice(0, 10), ...points.slice(20, 30)], step_seconds);
  expect(gap).toHaveLength(21);
  expect([gap[10]?.primary_ms.p50, gap[10]?.at]).toEqual([null, points[10]?.at]);
});
