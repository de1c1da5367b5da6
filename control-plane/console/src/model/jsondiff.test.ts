import { expect, test } from "vitest";

import { parse } from "./json";
import { sideBySide } from "./jsondiff";

const SIGN = { same: " ", changed: "~", missing: "-", extra: "+" };

/** Lines as text: sign, indent, both sides. */
function shown(left: string, right: string): string[] {
  const [a, b] = [parse(left), parse(right)];
  if (a === null || b === null) throw new Error("no JSON");
  return sideBySide(a, b).map(
    (line) => `${SIGN[line.kind]}${"  ".repeat(line.depth)}${line.left ?? ""} | ${line.right ?? ""}`,
  );
}

test("members meet by name, whatever their order", () => {
  expect(shown('{"a":1,"b":2,"c":3}', '{"c":3,"b":"2","d":4}')).toEqual([
    " { | {",
    '-  "a": 1 | ',
    '~  "b": 2 | "b": "2"',
    '   "c": 3 | "c": 3',
    '+   | "d": 4',
    " } | }",
  ]);
});

test("one element put in at the front is one difference", () => {
  expect(shown("[1,2,3]", "[0,1,2,3]").filter((line) => !line.startsWith(" "))).toEqual(["+   | 0"]);
});

test("elements that changed are looked into", () => {
  expect(shown('[{"id":1,"n":"a"},{"id":2,"n":"b"}]', '[{"id":1,"n":"x"},{"id":2,"n":"b"}]')).toContain(
    '~    "n": "a" | "n": "x"',
  );
});

test("a value that became a tree is shown as both", () => {
  expect(shown('{"a":1}', '{"a":{"b":1}}')).toEqual([
    " { | {",
    '-  "a": 1 | ',
    '+   | "a": {',
    '+     | "b": 1',
    "+   | }",
    " } | }",
  ]);
});

test("places are named as the control plane names them", () => {
  const left = parse('{"items":[{"price":1},{"x-y":2}]}');
  const right = parse('{"items":[{"price":2},{"x-y":3}]}');
  if (left === null || right === null) throw new Error("no JSON");
  const changed = sideBySide(left, right).filter((line) => line.kind === "changed");
  expect(changed.map((line) => line.at)).toEqual(["$.items[0].price", "$.items[1]['x-y']"]);
});

test("long lists stay quick", () => {
  const list = (length: number, from: number): string => JSON.stringify(Array.from({ length }, (_, i) => i + from));
  const before = performance.now();
  shown(list(20_000, 0), list(20_000, 5));
  expect(performance.now() - before).toBeLessThan(2_000);
});
