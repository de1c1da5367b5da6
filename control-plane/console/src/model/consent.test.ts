import { expect, test } from "vitest";

import { consent, mustAsk, readPercent } from "./consent";

const at = (percent: number, enabled = true) => ({ percent, enabled });
const ask = (from: ReturnType<typeof at>, to: ReturnType<typeof at>) => consent(from, to, 10, 3, ["checkout"]);

test("small steps ask for nothing", () => {
  for (const [from, to] of [
    [5, 10],
    [0, 5],
    [50, 45],
    [9.9, 0],
  ] as const) {
    expect(mustAsk(ask(at(from), at(to))), `${from} to ${to}`).toBe(false);
  }
});

test("large steps ask for a reason, up and down", () => {
  expect(ask(at(50), at(60)).reason).toBe(true);
  expect(ask(at(60), at(50)).reason).toBe(true);
  expect(ask(at(5), at(5)).reason).toBe(false);
});

test("dangerous steps say what happens", () => {
  expect(ask(at(99), at(100)).warnings).toHaveLength(1);
  expect(ask(at(99), at(100)).warnings[0]).toContain("checkout");
  expect(ask(at(2), at(20)).warnings[0]).toContain("10 times");
  expect(ask(at(1), at(1, false)).warnings[0]).toContain("3 nodes");
  expect(ask(at(1, false), at(1)).warnings[0]).toContain("1 %");
});

test("a valve that is turned while the switch is off moves nothing", () => {
  expect(mustAsk(ask(at(0, false), at(100, false)))).toBe(false);
});

test("shares are read as they are typed", () => {
  for (const [text, value] of [
    ["5", 5],
    [" 12.5 % ", 12.5],
    ["0,1", 0.1],
    [".5", 0.5],
    ["100", 100],
  ] as const) {
    expect(readPercent(text)).toBe(value);
  }
  for (const text of ["", "a", "-1", "101", "1.23456", "1e1", "5 5"]) {
    expect(readPercent(text), text).toBeTypeOf("string");
  }
});
