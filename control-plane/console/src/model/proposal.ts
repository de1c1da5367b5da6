// What can be done about a field that differs: the change of the shadow that a person is asked to look at. Pure.
import type { DifferingField, PairDifference } from "../api/evidence";
import type { Shadow, ShadowSpec } from "../api/types";

export interface Proposal {
  /** `Ignore this field`. */
  label: string;
  /** What it does, in a sentence. */
  words: string;
  change: (shadow: Shadow) => Shadow;
}

type Field = Pick<DifferingField | PairDifference, "path" | "kind">;

/** What is on offer for a field. Nothing for lines and bytes, of which single places cannot be named. */
export function proposals({ path, kind }: Field): Proposal[] {
  if (path.startsWith("header:")) return [leaveOutHeader(path.slice("header:".length))];
  if (!path.startsWith("$")) return [];
  const offered = [ignore(path)];
  const array = kind === "order" || kind === "length" ? path : enclosingArray(path);
  if (array !== null) offered.push(unordered(array));
  return offered;
}

function ignore(path: string): Proposal {
  return {
    label: "Ignore this field",
    words: `${path} is no longer compared, nor anything inside it.`,
    change: (shadow) => withCompare(shadow, (compare) => ({ ...compare, ignore: joined(compare.ignore, path) })),
  };
}

function unordered(path: string): Proposal {
  return {
    label: "Treat as unordered",
    words: `The elements of ${path} are matched wherever they are; only what has no twin differs.`,
    change: (shadow) => withCompare(shadow, (compare) => ({ ...compare, unordered: joined(compare.unordered, path) })),
  };
}

function leaveOutHeader(name: string): Proposal {
  return {
    label: "Ignore this header",
    words: `${name} is no longer among the headers that are compared.`,
    change: (shadow) =>
      withCompare(shadow, (compare) => ({ ...compare, headers: (compare.headers ?? []).filter((other) => other !== name) })),
  };
}

type Compare = NonNullable<ShadowSpec["compare"]>;

function withCompare(shadow: Shadow, change: (compare: Compare) => Compare): Shadow {
  return { ...shadow, spec: { ...shadow.spec, compare: change(shadow.spec.compare ?? {}) } };
}

function joined(paths: string[] | undefined, path: string): string[] {
  return paths?.includes(path) === true ? paths : [...(paths ?? []), path];
}

/** The array that a field of an element is in: `$.items` for `$.items[*].id`. */
function enclosingArray(path: string): string | null {
  const end = path.lastIndexOf("[*]");
  return end < 0 ? null : path.slice(0, end);
}
