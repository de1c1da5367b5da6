// A pair as it is shown: how its bodies are laid side by side, and which lines the control plane says differ. Pure.
import type { Pair, PairAnswer, PairBody, PairDifference } from "../api/evidence";
import { parse } from "./json";
import { sideBySide } from "./jsondiff";
import type { Line } from "./jsondiff";
import { align } from "./align";

export type BodyView = { as: "json"; lines: Line[] } | { as: "text"; lines: Line[] } | { as: "nothing"; left: string; right: string };

/** Both bodies: by structure if both are JSON, else by lines. */
export function bodies(left: PairBody, right: PairBody): BodyView {
  const [a, b] = [left.text, right.text];
  if (a === undefined || b === undefined) return { as: "nothing", left: bodyWords(left), right: bodyWords(right) };
  const [leftJson, rightJson] = [parse(a), parse(b)];
  if (leftJson !== null && rightJson !== null) return { as: "json", lines: sideBySide(leftJson, rightJson) };
  return { as: "text", lines: byLine(a, b) };
}

/** What there is of a body that cannot be laid beside another. */
export function bodyWords(body: PairBody): string {
  if (body.left_out !== undefined) return `left out: ${body.left_out}`;
  if (body.text !== undefined) return body.text;
  if (body.hex !== undefined) return `${body.hex.slice(0, 400).replace(/(..)/g, "$1 ").trim()}${body.hex.length > 400 ? " …" : ""}`;
  if (body.digest !== undefined) return `digest ${body.digest}`;
  return body.length === 0 ? "no body" : `${body.length} bytes, not kept`;
}

function byLine(left: string, right: string): Line[] {
  const [a, b] = [left.split("\n"), right.split("\n")];
  return align(a, b, () => true).map(({ left: l, right: r }): Line => {
    const [x, y] = [l === null ? null : (a[l] ?? ""), r === null ? null : (b[r] ?? "")];
    const kind = x === null ? "extra" : y === null ? "missing" : x === y ? "same" : "changed";
    return { depth: 0, kind, at: null, left: x, right: y };
  });
}

/** What a line means for the verdict: it differs and counts, it differs and does not, or it does not differ. */
export type Weight = "counts" | "ignored" | "none";

/** Which lines the control plane's comparison names. Without any places, as for text, every difference counts. */
export function weigher(differences: PairDifference[]): (line: Line) => Weight {
  const places = differences.map(({ at }) => at).filter((at) => at.startsWith("$"));
  return (line) => {
    if (line.kind === "same") return "none";
    const { at } = line;
    if (at === null) return "none";
    const isNamed = places.some((place) => isWithin(at, place) || isWithin(place, at));
    return isNamed ? "counts" : "ignored";
  };
}

function isWithin(at: string, place: string): boolean {
  return at === place || (at.startsWith(place) && /^[.[]/.test(at.slice(place.length)));
}

export interface HeaderLine {
  name: string;
  left: string | null;
  right: string | null;
}

/** The headers of both answers by name, in the primary's order. */
export function headers(pair: Pair): HeaderLine[] {
  const values = (answer: PairAnswer, name: string): string | null =>
    answer.headers.filter((header) => header.name === name).map(({ value }) => value).join(", ") || null;
  const names = new Set([...pair.primary.headers, ...pair.shadow.headers].map(({ name }) => name));
  return [...names].map((name) => ({ name, left: values(pair.primary, name), right: values(pair.shadow, name) }));
}
