import { expect, test } from "vitest";

import { lineDiff } from "./linediff";
import { manifest, yaml } from "./yaml";

test("a resource is shown as it is written", () => {
  const shadow = {
    apiVersion: "umbra/v1",
    kind: "Shadow",
    metadata: { name: "checkout-v2", labels: { team: "cart" }, revision: 7, updated_at: "2030-01-31T12:00:00Z" },
    spec: { stamps: ["a", "b"], target: { cluster: "c" }, percent: 5, overrides: [{ where: { zone: "z" }, percent: 50 }], ignore: [] },
  };
  expect(manifest(shadow)).toBe(
    [
      "apiVersion: umbra/v1",
      "kind: Shadow",
      "metadata:",
      "  name: checkout-v2",
      "  labels:",
      "    team: cart",
      "spec:",
      "  stamps:",
      "  - a",
      "  - b",
      "  target:",
      "    cluster: c",
      "  percent: 5",
      "  overrides:",
      "  - where:",
      "      zone: z",
      "    percent: 50",
      "  ignore: []",
      "",
    ].join("\n"),
  );
});

test("text that could be taken for something else is quoted", () => {
  for (const text of ["no", "5", "a b", "", "*.example.com", "x: y", "# a", "~", "é"]) {
    expect(yaml(text)).toBe(`${JSON.stringify(text)}\n`);
  }
  for (const text of ["checkout", "/api/cart", "$.items[*].price", "umbra/v1"]) expect(yaml(text)).toBe(`${text}\n`);
});

test("what changed is told line by line", () => {
  expect(lineDiff("a\nb\nc\n", "a\nx\nc\nd\n").map(({ kind, text }) => `${kind[0]}${text}`)).toEqual([
    "sa",
    "rb",
    "ax",
    "sc",
    "ad",
  ]);
  expect(lineDiff("", "a\n")).toEqual([{ kind: "added", text: "a" }]);
});
