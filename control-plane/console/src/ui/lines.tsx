import { useState } from "preact/hooks";

import { fold } from "../model/fold";
import { lineDiff } from "../model/linediff";
import type { TextLine } from "../model/linediff";

const SIGN = { same: " ", removed: "−", added: "+" };
const WORDS = { same: "", removed: "removed: ", added: "added: " };

/** What changed from one text to another, line by line. */
export function TextDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const [isOpen, setOpen] = useState(false);
  const parts = fold(lineDiff(before, after), (line) => line.kind !== "same", isOpen ? Infinity : 3);
  return (
    <div class="text-diff" role="region" aria-label={label} tabIndex={0}>
      {parts.map((part, index) =>
        part.folded && !isOpen ? (
          <button key={index} type="button" class="fold" onClick={() => setOpen(true)}>
            {part.lines.length} lines that stay
          </button>
        ) : (
          part.lines.map((line, at) => <DiffLine key={`${index} ${at}`} line={line} />)
        ),
      )}
    </div>
  );
}

function DiffLine({ line }: { line: TextLine }) {
  return (
    <div class={`line ${line.kind}`}>
      <span class="sign" aria-hidden="true">
        {SIGN[line.kind]}
      </span>
      <code>
        <span class="sr-only">{WORDS[line.kind]}</span>
        {line.text}
      </code>
    </div>
  );
}
