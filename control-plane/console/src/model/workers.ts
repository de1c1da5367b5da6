// The workers of an Envoy, by their reports. Pure.
import type { Node, Worker } from "../api/types";

export type WorkerState = "SYNCED" | "STALE" | "SILENT";

/** The server tells of a report once a minute, and calls a worker silent after 90 s. */
const SILENT_MS = 150_000;

/** The state at `now`, in milliseconds since 1970: silence is nothing that a server could tell of when it comes. */
export function workerState(worker: Worker, now: number): WorkerState {
  if (worker.state === "SILENT" || now - Date.parse(worker.reported_at) > SILENT_MS) return "SILENT";
  return worker.state === "SYNCED" ? "SYNCED" : "STALE";
}

/** How many workers of a connected node are silent. One that is not connected has other troubles. */
export function silent(node: Node, now: number): number {
  return node.connected ? node.workers.filter((worker) => workerState(worker, now) === "SILENT").length : 0;
}
