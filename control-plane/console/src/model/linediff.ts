// Two texts line by line, one below the other. Pure.
import { align } from "./align";

export interface TextLine {
  kind: "same" | "removed" | "added";
  text: string;
}

/** The lines of both, those that went before those that came. */
export function lineDiff(before: string, after: string): TextLine[] {
  const [left, right] = [split(before), split(after)];
  return align(left, right, () => false).map(({ left: l, right: r }): TextLine => {
    if (l !== null && r !== null) return { kind: "same", text: left[l] ?? "" };
    return l === null ? { kind: "added", text: right[r ?? 0] ?? "" } : { kind: "removed", text: left[l] ?? "" };
  });
}

function split(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
