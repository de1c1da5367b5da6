import { useEffect, useState } from "preact/hooks";

import { asProblem, mayBeDone } from "../../api/problem";
import type { Problem } from "../../api/problem";
import * as api from "../../api/routes";
import { useLoad } from "../../app/load";
import { say } from "../../app/notices";
import type { Proposal } from "../../model/proposal";
import { manifest } from "../../model/yaml";
import { Dialog } from "../../ui/dialog";
import { TextDiff } from "../../ui/lines";
import { NotRead, ProblemText, Waiting } from "../../ui/problem";
import { proposed } from "./proposals";

/** A changed shadow, to be looked at before it is applied. */
export function Review({ name }: { name: string }) {
  const proposal = proposed.value;
  // It is of the shadow that it was made of, and of nobody else's session.
  useEffect(() => () => void (proposed.value = null), [name]);
  return proposal === null ? null : <ReviewDialog key={proposal.words} name={name} proposal={proposal} />;
}

function ReviewDialog({ name, proposal }: { name: string; proposal: Proposal }) {
  const loaded = useLoad(`shadow ${name}`, () => api.shadow(name));
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const close = (): void => void (proposed.value = null);
  const now = loaded.value;
  const [before, after] = now === null ? ["", ""] : [manifest(now.value), manifest(proposal.change(now.value))];
  const apply = (): void => {
    if (now === null) return;
    setBusy(true);
    setProblem(null);
    api
      .putShadow(proposal.change(now.value), now.etag ?? "*", reason.trim())
      .then(() => {
        say(`${name} is changed; its evidence begins anew`);
        close();
      })
      .catch((thrown: unknown) => {
        const refused = asProblem(thrown);
        setProblem(refused);
        setBusy(false);
        // The dialog then shows what it would be a change of now.
        if (refused.kind === "stale" || mayBeDone(refused)) loaded.again();
      });
  };
  return (
    <Dialog title={`${proposal.label}: ${name}`} onClose={close} wide>
      <p>{proposal.words}</p>
      <NotRead loaded={loaded} />
      {loaded.isLoading && <Waiting what="the shadow as it is" />}
      {now !== null && before === after && (
        <p class="warning">
          {problem !== null && mayBeDone(problem)
            ? "The shadow says so now."
            : "The shadow says so already; evidence of before is still counted in."}
        </p>
      )}
      {now !== null && before !== after && (
        <>
          <TextDiff before={before} after={after} label="What changes in the manifest" />
          <p class="warning">
            Another way of comparing makes older pairs incomparable: the shadow's evidence begins anew. If the manifest is kept in a
            repository, change it there too, or the next apply takes this back.
          </p>
        </>
      )}
      <label class="field">
        <span>Reason (if you like)</span>
        <textarea rows={2} maxLength={1000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      {problem !== null && (
        <div role="alert">
          <ProblemText problem={problem} />
        </div>
      )}
      <div class="actions">
        <button type="button" onClick={close}>
          Leave it
        </button>
        <button type="button" class="primary" disabled={isBusy || now === null || before === after} onClick={apply}>
          Apply the change
        </button>
      </div>
    </Dialog>
  );
}
