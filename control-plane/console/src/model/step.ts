// A step of a valve or a switch: what is asked for, where that leads from where the shadow stands, and what is sent. Pure.
import type { BoardRow, Shadow } from "../api/types";
import { valve } from "./format";
import type { Position } from "./consent";

/** What somebody moves: one of the two. The other stays where it is, wherever that has come to be. */
export type Wish = { percent: number } | { enabled: boolean };

/** What a person said of it; empty where they said nothing. `for`: for how long, as in `2h`. */
export interface Said {
  reason: string;
  for: string;
}

export const NOTHING_SAID: Said = { reason: "", for: "" };

/** The body of the request. */
export type Change = Partial<Position> & Partial<Said>;

export function destination(from: Position, wish: Wish): Position {
  return { percent: from.percent, enabled: from.enabled, ...wish };
}

export function isThere(at: Position, wish: Wish): boolean {
  return "percent" in wish ? at.percent === wish.percent : at.enabled === wish.enabled;
}

export function changeOf(wish: Wish, { reason, for: lasts }: Said): Change {
  return { ...wish, ...(reason === "" ? {} : { reason }), ...(lasts === "" ? {} : { for: lasts }) };
}

/** Off or 0 %, for good: right wherever the shadow has come to stand, so that nothing may keep it from being done. */
export function isStop(wish: Wish, said: Said): boolean {
  return said.for === "" && ("percent" in wish ? wish.percent === 0 : !wish.enabled);
}

/** The row of a shadow that was read anew. What flows is told by the stream. */
export function withShadow(row: BoardRow, { metadata, spec }: Shadow): BoardRow {
  const revision = metadata.revision ?? row.revision;
  const position = { percent: spec.percent ?? 0, enabled: spec.enabled ?? true };
  return { ...row, ...position, stamps: spec.stamps, revision, etag: `"${revision}"` };
}

/** `at 5 %`, or `off`. */
export function standing({ percent, enabled }: Position): string {
  return enabled ? `at ${valve(percent)}` : "off";
}
