import { expect, test } from "vitest";

import { pairs } from "../../dev/data/pairs";
import { bodies, headers, weigher } from "./pairview";
import type { PairDifference } from "../api/evidence";

const body = (text: string) => ({ length: text.length, text, truncated: false });
const difference = (at: string): PairDifference => ({ path: at, at, kind: "value", primary: "1", shadow: "2" });

test("what is ignored is told from what counts", () => {
  const view = bodies(body('{"price":1,"requestId":"a","items":[{"n":1}]}'), body('{"price":2,"requestId":"b","items":[{"n":2}]}'));
  if (view.as !== "json") throw new Error(view.as);
  const weigh = weigher([difference("$.price"), difference("$.items[0]")]);
  const weighed = view.lines.filter((line) => line.kind !== "same").map((line) => [line.at, weigh(line)]);
  expect(weighed).toEqual([
    ["$.price", "counts"],
    ["$.requestId", "ignored"],
    ["$.items[0].n", "counts"],
  ]);
});

test("a place is not taken for one that only begins like it", () => {
  const weigh = weigher([difference("$.item")]);
  expect(weigh({ depth: 1, kind: "changed", at: "$.items", left: "", right: "" })).toBe("ignored");
});

test("what is no JSON is laid out by lines", () => {
  const view = bodies(body("a\nb\nc"), body("a\nx\nc"));
  expect(view.as === "text" && view.lines.map((line) => line.kind)).toEqual(["same", "changed", "same"]);
  expect(bodies(body("a"), { length: 3, hex: "00ff", truncated: false })).toEqual({ as: "nothing", left: "a", right: "00 ff" });
});

test("every made-up difference is found where the control plane names it", () => {
  for (const pair of pairs(0).filter((one) => one.differences.length > 0)) {
    const view = bodies(pair.primary.body, pair.shadow.body);
    if (view.as !== "json") throw new Error(view.as);
    const weigh = weigher(pair.differences);
    expect(view.lines.some((line) => weigh(line) === "counts"), pair.pair).toBe(true);
    expect(headers(pair).map(({ name }) => name)).toEqual(["content-type"]);
  }
});
