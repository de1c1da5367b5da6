import { useRef, useState } from "preact/hooks";

/** Text to take along: a command, a manifest, a token. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [came, setCame] = useState<"copied" | "selected" | null>(null);
  const shown = useRef<HTMLElement>(null);
  const select = (): void => {
    if (shown.current !== null) getSelection()?.selectAllChildren(shown.current);
    setCame("selected");
  };
  const copy = (): void => {
    // Browsers give it to pages over HTTPS, and of this machine, alone.
    if (!("clipboard" in navigator)) return select();
    navigator.clipboard.writeText(text).then(() => {
      setCame("copied");
      setTimeout(() => setCame(null), 2_000);
    }, select);
  };
  return (
    <div class="copyable">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code ref={shown}>{text}</code>
      </pre>
      <button type="button" class="small" onClick={copy}>
        {came === null ? "Copy" : came === "copied" ? "Copied" : "Selected"}
        <span class="sr-only"> {label}</span>
      </button>
      <p class="small-print" role="status">
        {came === "selected" && "The browser does not let this page copy. The text is selected: press Ctrl+C or ⌘C."}
      </p>
    </div>
  );
}
