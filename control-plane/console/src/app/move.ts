// Moving a valve or a switch: what must be asked first, the request, and what is said of it.
import { signal } from "@preact/signals";

import { Problem, asProblem, mayBeDone } from "../api/problem";
import * as api from "../api/routes";
import type { BoardRow } from "../api/types";
import { learn, live } from "../live/connection";
import { consent, mustAsk } from "../model/consent";
import type { Consent, Position } from "../model/consent";
import { NOTHING_SAID, changeOf, destination, isStop, isThere, standing, withShadow } from "../model/step";
import type { Said, Wish } from "../model/step";
import { complain, say } from "./notices";
import { reasonStep } from "./settings";

export interface Step {
  /** Where the shadow stands, as far as is known. */
  row: BoardRow;
  to: Position;
  consent: Consent;
  /** What was said when it was asked before. */
  said: Said;
  /** It stands elsewhere than it did when the step was begun. */
  isMoved: boolean;
  /** Given what the person said; null if they thought better of it. */
  decide: (answer: Said | null) => void;
}

/** The step that a person is asked about. */
export const asking = signal<Step | null>(null);

/** What this page wrote last, by shadow: the stream tells the same a moment later. */
const written = new Map<string, BoardRow>();

/**
 * Moves it; the revision that this made, or null if it was not moved. What somebody else changed meanwhile is shown, and
 * asked about, before anything is written over it; a stop is not held up by that.
 */
export async function move(shown: BoardRow, wish: Wish): Promise<number | null> {
  const { name } = shown;
  const own = written.get(name);
  let row = own !== undefined && own.revision > shown.revision ? own : shown;
  let said = NOTHING_SAID;
  let isMoved = false;
  let isSent = false;
  try {
    for (;;) {
      if (isThere(row, wish)) {
        if (isMoved) say(`${name} is ${standing(row)} already`);
        return null;
      }
      const to = destination(row, wish);
      const needed = consent(row, to, reasonStep.value, live.value?.nodes.connected ?? 0, row.stamps);
      if (isMoved || mustAsk(needed)) {
        const answer = await ask({ row, to, consent: needed, said, isMoved });
        if (answer === null) return null;
        said = answer;
      }
      isSent = true;
      const shadow = await unlessMoved(api.moveValve(name, changeOf(wish, said), isStop(wish, said) ? null : row.etag));
      if (shadow !== null) {
        row = withShadow(row, shadow);
        written.set(name, row);
        say(`${name} is ${standing(row)}${said.for === "" ? "" : ` for ${said.for}`}`);
        return row.revision;
      }
      isSent = false;
      row = withShadow(row, (await api.shadow(name)).value);
      isMoved = true;
    }
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (isSent && mayBeDone(problem)) {
      complain(`It is not known whether ${name} was moved`, problem);
      void look(name);
    } else {
      complain(`${name} was not moved`, problem);
    }
    return null;
  }
}

/** Reads where it stands now. */
async function look(name: string): Promise<void> {
  try {
    const { value } = await api.shadow(name);
    const row = learn(name, (before) => withShadow(before, value));
    if (row !== null) say(`${name} is ${standing(row)} now`);
  } catch (thrown) {
    complain(`Where ${name} stands now was not read`, asProblem(thrown));
  }
}

/** Throws a Problem where another step is being asked about: what is confirmed must be what was read. */
async function ask(step: Omit<Step, "decide">): Promise<Said | null> {
  if (asking.value !== null) {
    throw new Problem("busy", "One step at a time", 0, "another step was being asked about");
  }
  const answer = await new Promise<Said | null>((decide) => {
    asking.value = { ...step, decide };
  });
  asking.value = null;
  return answer;
}

/** The answer, or null if the shadow is no longer what it was. */
async function unlessMoved<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (thrown) {
    if (asProblem(thrown).kind === "stale") return null;
    throw thrown;
  }
}
