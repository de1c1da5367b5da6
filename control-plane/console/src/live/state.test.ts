import { expect, test } from "vitest";

import type { BoardRow } from "../api/types";
import { isOn, ordered, reduce } from "./state";
import type { LiveState } from "./state";

const row = (name: string, more: Partial<BoardRow> = {}): BoardRow => ({
  name,
  labels: {},
  revision: 1,
  etag: '"1"',
  enabled: true,
  percent: 5,
  target: name,
  control: null,
  stamps: ["a"],
  in_effect: { workers: 4, following: 4, lowest_percent: 5, highest_percent: 5 },
  rates: null,
  verdict: null,
  expiry: null,
  ...more,
});

const counts = { total: 1, connected: 1, synced: 1, stale: 0, nacked: 0 };
const event = (name: string, data: unknown) => ({ event: name, data: JSON.stringify(data) });
const first = (): LiveState | null =>
  reduce(null, event("snapshot", { revision: 3, shadows: [row("a"), row("b")], nodes: counts }));

test("a snapshot replaces everything", () => {
  const later = reduce(first(), event("snapshot", { revision: 9, shadows: [row("c")], nodes: counts }));
  expect([...(later?.shadows.keys() ?? [])]).toEqual(["c"]);
  expect(later?.revision).toBe(9);
});

test("changes before a snapshot say nothing", () => {
  expect(reduce(null, event("shadow", row("a")))).toBeNull();
});

test("changes change what they name and nothing else", () => {
  const before = first();
  const moved = reduce(before, event("shadow", row("a", { percent: 25, revision: 4 })));
  expect(moved?.shadows.get("a")?.percent).toBe(25);
  expect(moved?.shadows.get("b")).toBe(before?.shadows.get("b"));
  expect(moved?.revision).toBe(4);
  expect(before?.shadows.get("a")?.percent).toBe(5);
  const gone = reduce(moved, event("shadow-deleted", { name: "a" }));
  expect([...(gone?.shadows.keys() ?? [])]).toEqual(["b"]);
  expect(reduce(gone, event("shadow-deleted", { name: "a" }))).toBe(gone);
  expect(reduce(gone, event("nodes", { ...counts, stale: 1 }))?.nodes.stale).toBe(1);
});

test("what is read beside the stream is read anew after each change, and after changes that were missed", () => {
  const before = first();
  const told = reduce(before, event("audit", { id: 7 }));
  const missed = reduce(told, event("snapshot", { revision: 9, shadows: [], nodes: counts }));
  const versions = [before, told, missed].map((state) => state?.changes ?? 0);
  expect(new Set(versions).size).toBe(3);
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  // What comes often changes nothing else.
  expect(reduce(missed, event("nodes", counts))?.changes).toBe(missed?.changes);
});

test("rows of nodes are kept only where they were asked for", () => {
  const node = event("node", { id: "n" });
  expect(reduce(first(), node)?.nodeRows).toBeNull();
  const asked = reduce(null, event("snapshot", { revision: 1, shadows: [], nodes: counts, node_rows: [] }));
  expect(reduce(asked, node)?.nodeRows?.has("n")).toBe(true);
});

test("an event of a newer server changes nothing", () => {
  const state = first();
  expect(reduce(state, event("ramp", {}))).toBe(state);
});

test("what is on comes first", () => {
  const off = row("a", { enabled: false });
  const overridden = row("z", {
    percent: 0,
    in_effect: { workers: 1, following: 1, lowest_percent: 0, highest_percent: 50 },
  });
  const state = reduce(null, event("snapshot", { revision: 1, shadows: [off, overridden, row("m")], nodes: counts }));
  expect(state && ordered(state).map((shown) => shown.name)).toEqual(["m", "z", "a"]);
  expect([isOn(off), isOn(overridden)]).toEqual([false, true]);
});
