import { useState } from "preact/hooks";

import type { Pair, PairAnswer, PairDifference } from "../../api/evidence";
import type { Me } from "../../api/types";
import { bytes, latency } from "../../model/format";
import { bodies, headers } from "../../model/pairview";
import { Time } from "../../ui/time";
import { BodyDiff } from "./body";
import { ProposalButtons } from "./proposals";

/** One pair: both answers side by side. */
export function PairView({ pair, me }: { pair: Pair; me: Me }) {
  const [against, setAgainst] = useState<"shadow" | "control">("shadow");
  const other = against === "control" && pair.control !== null ? pair.control : pair.shadow;
  const differences = against === "control" ? pair.noise : pair.differences;
  return (
    <article class="pair" aria-label={`Pair ${pair.pair}`}>
      <header class="pair-head">
        <h3>
          <code>
            {pair.method} {pair.path}
          </code>
        </h3>
        <p class="small-print">
          <Time at={pair.at} full /> · pair <code>{pair.pair}</code> · endpoint {pair.endpoint}
          {pair.weight !== 1 && <> · stands for {pair.weight} like it</>}
        </p>
        {pair.remark !== null && <p class="warning">{pair.remark}</p>}
      </header>
      {pair.control !== null && (
        <fieldset class="spans">
          <legend class="sr-only">Primary against</legend>
          {(["shadow", "control"] as const).map((party) => (
            <label key={party}>
              <input type="radio" name={`against-${pair.id}`} checked={against === party} onChange={() => setAgainst(party)} />
              <span>primary / {party}</span>
            </label>
          ))}
        </fieldset>
      )}
      <div class="sides">
        <Side title="primary" answer={pair.primary} />
        <Side title={against} answer={other} isDifferent={other.status !== pair.primary.status} />
      </div>
      <Differences differences={differences} me={me} />
      <Headers pair={{ ...pair, shadow: other }} />
      <BodyDiff view={bodies(pair.primary.body, other.body)} differences={differences} names={["primary", against]} />
    </article>
  );
}

function Side({ title, answer, isDifferent = false }: { title: string; answer: PairAnswer; isDifferent?: boolean }) {
  return (
    <p class="side">
      <span class="side-name">{title}</span>
      <strong class={isDifferent ? "bad" : ""}>{answer.status ?? answer.outcome}</strong>
      {answer.grpc_status !== undefined && <span>grpc-status {answer.grpc_status}</span>}
      <span>{latency(answer.end_ms ?? null)}</span>
      <span class="small-print">{bytes(answer.body.length)}{answer.body.truncated ? ", cut off" : ""}</span>
    </p>
  );
}

/** What the control plane's comparison found, by field, with what can be done about it. */
function Differences({ differences, me }: { differences: PairDifference[]; me: Me }) {
  if (differences.length === 0) return <p class="small-print">The comparison finds no difference that counts.</p>;
  const fields = new Map<string, PairDifference[]>();
  for (const difference of differences) {
    const key = `${difference.path} ${difference.kind}`;
    fields.set(key, [...(fields.get(key) ?? []), difference]);
  }
  return (
    <ul class="differences">
      {[...fields].slice(0, 20).map(([key, [first, ...more]]) => (
        <li key={key}>
          <span>
            <code>{first?.path}</code> <b>{first?.kind}</b>
            {more.length > 0 && <span class="small-print"> in {more.length + 1} places</span>}
          </span>
          {first !== undefined && <ProposalButtons field={first} me={me} />}
        </li>
      ))}
    </ul>
  );
}

function Headers({ pair }: { pair: Pair }) {
  const lines = headers(pair);
  if (lines.length === 0) return null;
  return (
    <details>
      <summary>
        Headers <span class="small-print">{lines.filter((line) => line.left !== line.right).length} differ</span>
      </summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="Headers">
        <table class="headers">
          <tbody>
            {lines.map((line) => (
              <tr key={line.name} class={line.left === line.right ? "" : "differs"}>
                <th scope="row">{line.name}</th>
                <td>{line.left ?? "—"}</td>
                <td>{line.right ?? "—"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
