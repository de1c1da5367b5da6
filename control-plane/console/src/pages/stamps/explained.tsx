import type { Explanation } from "../../api/explain";
import { valve } from "../../model/format";

const DECISION: Record<string, [string, string]> = {
  mirrored: ["good", "mirrored"],
  sampled: ["open", "sampled"],
  skipped: ["quiet", "skipped"],
  not_stamped: ["quiet", "not stamped"],
};

/** What would come of a request: stamps, then shadows, those that take it first. */
export function Explained({ answer }: { answer: Explanation }) {
  const stamps = answer.stamps.toSorted((a, b) => Number(b.stamped) - Number(a.stamped));
  const order = ["mirrored", "sampled", "skipped", "not_stamped"];
  const shadows = answer.shadows.toSorted((a, b) => order.indexOf(a.decision) - order.indexOf(b.decision));
  return (
    <div class="explained">
      <h3>Stamps</h3>
      <ul>
        {stamps.map((stamp) => (
          <li key={stamp.name}>
            <span class={`mark ${stamp.stamped ? "good" : "quiet"}`}>
              <span class="sign" aria-hidden="true">
                {stamp.stamped ? "✓" : "–"}
              </span>
              {stamp.name}
            </span>
            {!stamp.stamped &&
              stamp.clauses.map((clause) => (
                <p class="small-print" key={clause.field}>
                  rule {Number(/\d+/.exec(clause.field)?.[0] ?? 0) + 1}: {clause.failed?.words}
                </p>
              ))}
          </li>
        ))}
      </ul>
      <h3>Shadows</h3>
      <ul>
        {shadows.map((shadow) => {
          const [tone, word] = DECISION[shadow.decision] ?? ["quiet", shadow.decision];
          return (
            <li key={shadow.name}>
              <span class={`mark ${tone}`}>{word}</span> <a href={`/shadows/${encodeURIComponent(shadow.name)}`}>{shadow.name}</a>
              <p class="small-print">
                {shadow.words}
                {shadow.decision !== "not_stamped" && (
                  <>
                    {" "}
                    · share {valve(shadow.share.percent)}
                    {shadow.share.override && <> by {shadow.share.override.field}</>} · by {shadow.sampling.by}{" "}
                    {shadow.sampling.name}
                    {typeof shadow.sampling.bucket_percent === "number" && <>, which falls at {valve(shadow.sampling.bucket_percent)}</>}
                  </>
                )}
              </p>
            </li>
          );
        })}
      </ul>
      {answer.headers.length > 0 && (
        <>
          <h3>Headers that the filter would set</h3>
          <ul>
            {answer.headers.map((header) => (
              <li key={`${header.name} ${header.value} ${header.when}`}>
                <code>
                  {header.name}: {header.value}
                </code>
                {header.when && <span class="small-print"> when {header.when}</span>}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
