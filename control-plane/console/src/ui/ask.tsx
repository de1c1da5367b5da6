import { useEffect, useState } from "preact/hooks";

import { asking } from "../app/move";
import type { Step } from "../app/move";
import { reasonStep } from "../app/settings";
import { valve } from "../model/format";
import { standing } from "../model/step";
import { Dialog } from "./dialog";

const LIMITS: [string, string][] = [
  ["", "until somebody changes it"],
  ["30m", "for 30 minutes"],
  ["2h", "for 2 hours"],
  ["8h", "for 8 hours"],
  ["1d", "for a day"],
];

/** What a step of a valve or a switch asks of a person. */
export function AskForStep() {
  const step = asking.value;
  // Who signs in next is not asked what somebody else began.
  useEffect(() => () => asking.peek()?.decide(null), []);
  return step === null ? null : <Ask key={`${step.row.name} ${step.row.etag}`} step={step} />;
}

function Ask({ step }: { step: Step }) {
  const { row, to, consent, said, isMoved, decide } = step;
  const [reason, setReason] = useState(said.reason);
  const [limit, setLimit] = useState(said.for);
  const [isMissing, setMissing] = useState(false);
  const isSwitch = to.enabled !== row.enabled;
  const action = isSwitch ? `Switch ${to.enabled ? "on" : "off"}` : `Set to ${valve(to.percent)}`;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (consent.reason && reason.trim() === "") setMissing(true);
    else decide({ reason: reason.trim(), for: limit });
  };
  return (
    <Dialog title={`${action}: ${row.name}`} onClose={() => decide(null)}>
      <form onSubmit={submit}>
        {isMoved && <p class="warning">It was changed meanwhile, and is {standing(row)} now.</p>}
        {!isSwitch && (
          <p class="from-to">
            <span>{valve(row.percent)}</span> <span aria-label="to">→</span> <strong>{valve(to.percent)}</strong>
          </p>
        )}
        {consent.warnings.map((words) => (
          <p class="warning" key={words}>
            {words}
          </p>
        ))}
        <label class="field">
          <span>Reason {consent.reason ? `(asked for from ${reasonStep.value} points on)` : "(if you like)"}</span>
          <textarea
            rows={2}
            maxLength={1000}
            value={reason}
            aria-invalid={isMissing}
            onInput={(event) => {
              setReason(event.currentTarget.value);
              setMissing(false);
            }}
          />
        </label>
        {isMissing && (
          <p class="wrong" role="alert">
            Say why: it stays in the audit trail.
          </p>
        )}
        <label class="field">
          <span>How long</span>
          <select value={limit} onChange={(event) => setLimit(event.currentTarget.value)}>
            {LIMITS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <div class="actions">
          <button type="button" onClick={() => decide(null)}>
            Leave it
          </button>
          <button type="submit" class={consent.warnings.length > 0 ? "danger" : "primary"}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
