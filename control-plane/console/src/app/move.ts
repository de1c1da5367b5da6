// Moving a valve or a switch: what must be asked first, the request, and what is said of it.
import { signal } from "@preact/signals";

import { asProblem } from "../api/problem";
import * as api from "../api/routes";
import type { BoardRow } from "../api/types";
import { live } from "../live/connection";
import { consent, mustAsk } from "../model/consent";
import type { Consent, Position } from "../model/consent";
import { valve } from "../model/format";
import { complain, say } from "./notices";
import { reasonStep } from "./settings";

export interface Step {
  row: BoardRow;
  to: Position;
  consent: Consent;
  /** Given what the person said; null if they thought better of it. */
  decide: (answer: { reason: string; for: string } | null) => void;
}

/** The step that a person is asked about. */
export const asking = signal<Step | null>(null);

/** Moves it; the revision that this made, or null if it was not moved. `ask` asks in any case, for a reason or a time limit. */
export async function move(row: BoardRow, to: Position, ask = false): Promise<number | null> {
  if (to.percent === row.percent && to.enabled === row.enabled && !ask) return null;
  const nodes = live.value?.nodes.connected ?? 0;
  const needed = consent(row, to, reasonStep.value, nodes, row.stamps);
  let said = { reason: "", for: "" };
  if (ask || mustAsk(needed)) {
    const answer = await new Promise<{ reason: string; for: string } | null>((decide) => {
      asking.value = { row, to, consent: needed, decide };
    });
    asking.value = null;
    if (answer === null) return null;
    said = answer;
  }
  const change: api.ValveChange = {
    ...(to.percent === row.percent && !said.for ? {} : { percent: to.percent }),
    ...(to.enabled === row.enabled ? {} : { enabled: to.enabled }),
    ...(said.reason === "" ? {} : { reason: said.reason }),
    ...(said.for === "" ? {} : { for: said.for }),
  };
  try {
    const shadow = await api.moveValve(row.name, change);
    say(`${row.name} is ${to.enabled ? `at ${valve(to.percent)}` : "off"}${said.for === "" ? "" : ` for ${said.for}`}`);
    return shadow.metadata.revision ?? 0;
  } catch (thrown) {
    complain(`${row.name} was not moved`, asProblem(thrown));
    return null;
  }
}
