import { useState } from "preact/hooks";

import type { PairDifference } from "../../api/evidence";
import { fold } from "../../model/fold";
import type { Line } from "../../model/jsondiff";
import { weigher } from "../../model/pairview";
import type { BodyView, Weight } from "../../model/pairview";

interface BodyDiffProps {
  view: BodyView;
  differences: PairDifference[];
  /** Of the left and of the right side. */
  names: [string, string];
}

/** Lines before and after a difference that are shown with it. */
const CONTEXT = 3;
const SIGN = { same: "", changed: "≠", missing: "−", extra: "+" };
const WORDS = { same: "", changed: "differs", missing: "missing on the right", extra: "on the right alone" };

/** Two bodies side by side. What is far from any difference is folded away. */
export function BodyDiff({ view, differences, names }: BodyDiffProps) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  if (view.as === "nothing") {
    return (
      <div class="bodies plain">
        <pre tabIndex={0} aria-label={`Body of ${names[0]}`}>{view.left}</pre>
        <pre tabIndex={0} aria-label={`Body of ${names[1]}`}>{view.right}</pre>
      </div>
    );
  }
  const byPlace = weigher(differences);
  const weigh = view.as === "json" ? byPlace : (line: Line): Weight => (line.kind === "same" ? "none" : "counts");
  const parts = fold(view.lines, (line) => line.kind !== "same", CONTEXT);
  return (
    <div class="scroll" role="region" tabIndex={0} aria-label="Bodies side by side">
      <table class="bodies">
        <thead>
          <tr>
            <th scope="col">
              <span class="sr-only">how</span>
            </th>
            <th scope="col">{names[0]}</th>
            <th scope="col">{names[1]}</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part, index) =>
            part.folded && !open.has(index) ? (
              <tr key={index}>
                <td colSpan={3}>
                  <button type="button" class="fold" onClick={() => setOpen(new Set([...open, index]))}>
                    {part.lines.length} lines that are the same
                  </button>
                </td>
              </tr>
            ) : (
              part.lines.map((line, at) => <Row key={`${index} ${at}`} line={line} weight={weigh(line)} />)
            ),
          )}
        </tbody>
      </table>
      {view.as === "json" && view.lines.some((line) => weigh(line) === "ignored") && (
        <p class="small-print">Pale lines differ too, and do not count: they are ignored, unordered, within tolerance, or matched elsewhere.</p>
      )}
    </div>
  );
}

function Row({ line, weight }: { line: Line; weight: Weight }) {
  return (
    <tr class={`${line.kind} ${weight}`}>
      <td class="sign">
        <span aria-hidden="true">{SIGN[line.kind]}</span>
        <span class="sr-only">{WORDS[line.kind]}</span>
      </td>
      <Cell text={line.left} depth={line.depth} />
      <Cell text={line.right} depth={line.depth} />
    </tr>
  );
}

function Cell({ text, depth }: { text: string | null; depth: number }) {
  return (
    <td class={text === null ? "void" : ""}>
      {text !== null && <code style={{ "--depth": String(depth) }}>{text}</code>}
    </td>
  );
}
