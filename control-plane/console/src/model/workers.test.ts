import { expect, test } from "vitest";

import { nodes } from "../../dev/data/nodes";
import { silent, workerState } from "./workers";

const NOW = Date.UTC(2030, 0, 1);
const ALL = nodes([], NOW);

test("a worker is silent when nothing came for long, whatever was said of it", () => {
  const worker = { instance: "8f14e45fceea167a", state: "SYNCED", version: "v", requests: 1, reported_at: new Date(NOW).toISOString() };
  expect(workerState(worker, NOW + 149_000)).toBe("SYNCED");
  expect(workerState({ ...worker, state: "STALE" }, NOW)).toBe("STALE");
  expect(workerState({ ...worker, state: "SILENT" }, NOW)).toBe("SILENT");
  expect(workerState(worker, NOW + 151_000)).toBe("SILENT");
});

test("silent workers are counted on connected nodes alone", () => {
  const counted = ALL.filter((node) => silent(node, NOW) > 0);
  expect(counted.length).toBe(1);
  expect(counted.every((node) => node.connected)).toBe(true);
  const gone = ALL.filter((node) => !node.connected);
  expect(gone.length).toBeGreaterThan(0);
  expect(gone.every((node) => silent(node, NOW + 1_000_000) === 0)).toBe(true);
});
