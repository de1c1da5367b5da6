import { useState } from "preact/hooks";

import { complain } from "../app/notices";
import { asProblem } from "../api/problem";

/** Text to take along: a command, a manifest, a token. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 2_000);
      },
      (thrown: unknown) => complain("Not copied: select the text by hand", asProblem(thrown)),
    );
  };
  return (
    <div class="copyable">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{text}</code>
      </pre>
      <button type="button" class="small" onClick={copy} aria-label={`Copy ${label}`}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
