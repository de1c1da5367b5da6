// Two JSON documents side by side, line by line. Pure. Which lines differ is seen here; which differences count is for
// the control plane to say, and is marked by the places that it names.
import { align } from "./align";
import { oneLine } from "./json";
import type { Json } from "./json";

/** `same`; `changed` on both sides; `missing` on the right; `extra` on the right. */
export type LineKind = "same" | "changed" | "missing" | "extra";

export interface Line {
  depth: number;
  kind: LineKind;
  /** The very place, `$.items[2].price`, by the left side where there is one; null for closing brackets. */
  at: string | null;
  left: string | null;
  right: string | null;
}

/** The lines of both documents. */
export function sideBySide(left: Json, right: Json): Line[] {
  const lines: Line[] = [];
  both(left, right, { depth: 0, at: "$", leftLabel: "", rightLabel: "" }, lines);
  return lines;
}

interface Place {
  depth: number;
  at: string;
  leftLabel: string;
  rightLabel: string;
}

function both(left: Json, right: Json, place: Place, lines: Line[]): void {
  const { depth, at, leftLabel, rightLabel } = place;
  if (left.type === "object" && right.type === "object" && left.members.length + right.members.length > 0) {
    lines.push({ depth, kind: "same", at, left: `${leftLabel}{`, right: `${rightLabel}{` });
    members(left.members, right.members, depth + 1, at, lines);
    lines.push({ depth, kind: "same", at: null, left: "}", right: "}" });
  } else if (left.type === "array" && right.type === "array" && left.items.length + right.items.length > 0) {
    lines.push({ depth, kind: "same", at, left: `${leftLabel}[`, right: `${rightLabel}[` });
    items(left.items, right.items, depth + 1, at, lines);
    lines.push({ depth, kind: "same", at: null, left: "]", right: "]" });
  } else if (oneLine(left) === oneLine(right)) {
    lines.push({ depth, kind: "same", at, left: leftLabel + oneLine(left), right: rightLabel + oneLine(right) });
  } else if (left.type === "scalar" && right.type === "scalar") {
    lines.push({ depth, kind: "changed", at, left: leftLabel + left.text, right: rightLabel + right.text });
  } else {
    one(left, "missing", { ...place, rightLabel: leftLabel }, lines);
    one(right, "extra", { ...place, leftLabel: rightLabel }, lines);
  }
}

/** By name, in the left side's order; a name that comes twice meets its counterparts in order. */
function members(left: [string, Json][], right: [string, Json][], depth: number, at: string, lines: Line[]): void {
  const rest = [...right];
  for (const [name, value] of left) {
    const index = rest.findIndex(([other]) => other === name);
    const label = `${JSON.stringify(name)}: `;
    const place = { depth, at: at + step(name), leftLabel: label, rightLabel: label };
    const [met] = index < 0 ? [] : rest.splice(index, 1);
    if (met === undefined) one(value, "missing", place, lines);
    else both(value, met[1], place, lines);
  }
  for (const [name, value] of rest) {
    const label = `${JSON.stringify(name)}: `;
    one(value, "extra", { depth, at: at + step(name), leftLabel: label, rightLabel: label }, lines);
  }
}

function items(left: Json[], right: Json[], depth: number, at: string, lines: Line[]): void {
  const meets = (l: number, r: number): boolean => left[l]?.type === right[r]?.type;
  for (const { left: l, right: r } of align(left.map(oneLine), right.map(oneLine), meets)) {
    const place = { depth, at: `${at}[${l ?? r}]`, leftLabel: "", rightLabel: "" };
    const [a, b] = [l === null ? undefined : left[l], r === null ? undefined : right[r]];
    if (a !== undefined && b !== undefined) both(a, b, place, lines);
    else if (a !== undefined) one(a, "missing", place, lines);
    else if (b !== undefined) one(b, "extra", place, lines);
  }
}

/** A value that one side alone has. */
function one(value: Json, kind: "missing" | "extra", place: Place, lines: Line[]): void {
  const { depth, at } = place;
  const label = kind === "missing" ? place.leftLabel : place.rightLabel;
  const line = (text: string, where: string | null): Line =>
    kind === "missing"
      ? { depth, kind, at: where, left: text, right: null }
      : { depth, kind, at: where, left: null, right: text };
  if (value.type === "scalar" || oneLine(value).length <= 2) {
    lines.push(line(label + oneLine(value), at));
    return;
  }
  const [open, close] = value.type === "object" ? ["{", "}"] : ["[", "]"];
  lines.push(line(label + open, at));
  const inside: [string, string, Json][] =
    value.type === "object"
      ? value.members.map(([name, member]) => [step(name), `${JSON.stringify(name)}: `, member])
      : value.items.map((item, index) => [`[${index}]`, "", item]);
  for (const [where, text, member] of inside) {
    one(member, kind, { depth: depth + 1, at: at + where, leftLabel: text, rightLabel: text }, lines);
  }
  lines.push(line(close, null));
}

/** A name in a path: `.name`, or in brackets where it is no plain word. */
function step(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? `.${name}` : `['${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}']`;
}
