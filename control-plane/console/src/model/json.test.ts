import { expect, test } from "vitest";

import { oneLine, parse } from "./json";

const roundTrip = (text: string): string | null => {
  const value = parse(text);
  return value && oneLine(value);
};

test("what was written is kept", () => {
  expect(roundTrip("9007199254740993")).toBe("9007199254740993");
  expect(roundTrip(' {"a" : [1.50, -0, 1e400], "a":null } ')).toBe('{"a": [1.50, -0, 1e400], "a": null}');
  expect(roundTrip('"\\u00e9 \\" \\\\"')).toBe('"\\u00e9 \\" \\\\"');
  expect(roundTrip("[]")).toBe("[]");
  expect(roundTrip("{}")).toBe("{}");
});

test("what is no JSON is not read", () => {
  for (const text of ["", "<html>", "{", "[1,]", '{"a"}', "{a:1}", "1 2", "[1}", '"\n"', "[".repeat(10_000)]) {
    expect(parse(text), text.slice(0, 20)).toBeNull();
  }
});
