// A stamp's rules as conditions that read well. Pure.
import type { Clause } from "../api/types";

type FieldMatch = NonNullable<Clause["headers"]>[number];

/** Each a condition that must hold: what is looked at, and what it must be. */
export function conditions(clause: Clause): [string, string][] {
  const found: [string, string][] = [];
  if (clause.hosts?.length) found.push(["host", `is ${anyOf(clause.hosts)}`]);
  if (clause.path) found.push(["path", value(clause.path)]);
  if (clause.methods?.length) found.push(["method", `is ${anyOf(clause.methods)}`]);
  for (const [kind, fields] of [
    ["header", clause.headers],
    ["cookie", clause.cookies],
    ["query", clause.query],
  ] as const) {
    for (const field of fields ?? []) found.push([`${kind} ${field.name}`, value(field)]);
  }
  return found.length === 0 ? [["every request", ""]] : found;
}

function value(match: Omit<FieldMatch, "name"> | NonNullable<Clause["path"]>): string {
  if ("present" in match && match.present) return "is there";
  if ("absent" in match && match.absent) return "is not there";
  const words = { exact: "is", prefix: "begins with", suffix: "ends with", contains: "contains", regex: "matches", template: "fits" };
  for (const [name, verb] of Object.entries(words)) {
    const wanted = (match as Record<string, unknown>)[name];
    if (typeof wanted === "string") return `${verb} ${wanted}`;
  }
  return "";
}

function anyOf(values: string[]): string {
  return values.length < 2 ? (values[0] ?? "") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}
