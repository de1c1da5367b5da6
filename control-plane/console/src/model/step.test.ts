import { expect, test } from "vitest";

import type { BoardRow, Shadow } from "../api/types";
import { NOTHING_SAID, changeOf, destination, isStop, isThere, standing, withShadow } from "./step";

test("what nobody moved stays wherever it has come to be", () => {
  expect(destination({ percent: 50, enabled: false }, { enabled: true })).toEqual({ percent: 50, enabled: true });
  expect(destination({ percent: 50, enabled: false }, { percent: 5 })).toEqual({ percent: 5, enabled: false });
  expect([isThere({ percent: 5, enabled: false }, { percent: 5 }), isThere({ percent: 5, enabled: false }, { enabled: true })]).toEqual([
    true,
    false,
  ]);
});

test("a switch for a limited time leaves the valve and its own time alone", () => {
  expect(changeOf({ enabled: false }, { reason: "a look", for: "2h" })).toEqual({ enabled: false, reason: "a look", for: "2h" });
  expect(changeOf({ percent: 25 }, NOTHING_SAID)).toEqual({ percent: 25 });
});

test("off and 0 % for good are stops, and nothing else is", () => {
  expect(isStop({ enabled: false }, { reason: "it burns", for: "" })).toBe(true);
  expect(isStop({ percent: 0 }, NOTHING_SAID)).toBe(true);
  // These bring something back later.
  expect(isStop({ enabled: false }, { reason: "", for: "2h" })).toBe(false);
  expect(isStop({ percent: 0 }, { reason: "", for: "2h" })).toBe(false);
  expect([isStop({ enabled: true }, NOTHING_SAID), isStop({ percent: 1 }, NOTHING_SAID)]).toEqual([false, false]);
});

test("a row takes its position from the shadow that was read", () => {
  const row = { name: "a", percent: 5, enabled: true, revision: 7, etag: '"7"', target: "t" } as BoardRow;
  const read = { metadata: { name: "a", revision: 9 }, spec: { stamps: ["s"], target: { cluster: "t" } } } as Shadow;
  // What is left out of a manifest has these values.
  expect(withShadow(row, read)).toMatchObject({ percent: 0, enabled: true, revision: 9, etag: '"9"', target: "t" });
  expect([standing({ percent: 0.5, enabled: true }), standing({ percent: 0.5, enabled: false })]).toEqual(["at 0.5 %", "off"]);
});
