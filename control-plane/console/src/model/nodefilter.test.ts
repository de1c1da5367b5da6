import { expect, test } from "vitest";

import { nodes } from "../../dev/data/nodes";
import { nodeState, select } from "./nodefilter";
import type { NodeQuery } from "./nodefilter";

const ALL = nodes([], Date.UTC(2030, 0, 1));
const query = (more: Partial<NodeQuery>): NodeQuery => ({ text: "", state: "all", sort: "id", descending: false, ...more });

test("every word must be found", () => {
  const found = select(ALL, query({ text: " Search us-east-1A " }));
  expect(found.length).toBeGreaterThan(10);
  expect(found.every((node) => node.cluster === "search" && node.zone === "us-east-1a")).toBe(true);
  expect(select(ALL, query({ text: "envoy=1.36.2" })).length).toBeGreaterThan(100);
  expect(select(ALL, query({ text: "fleet=blue" })).length).toBe(ALL.length / 2);
  expect(select(ALL, query({ text: "no such thing" }))).toEqual([]);
});

test("states are counted once each", () => {
  const states = ["SYNCED", "STALE", "NACKED", "gone"] as const;
  const sum = states.map((state) => select(ALL, query({ state })).length).reduce((a, b) => a + b);
  expect(sum).toBe(ALL.length);
});

test("what deserves a look comes first, and the order is stable", () => {
  const sorted = select(ALL, query({ sort: "state" }));
  expect(sorted[0] && nodeState(sorted[0])).toBe("NACKED");
  const ids = select(ALL, query({ descending: true })).map((node) => node.id);
  expect(ids).toEqual(ALL.map((node) => node.id).toSorted().toReversed());
});
