import { expect, test } from "vitest";

import { wait } from "./backoff";

test("waits double, are spread, and end", () => {
  expect([1, 2, 3, 4, 5, 6, 50].map((failures) => wait(failures, 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 10000, 10000,
  ]);
  expect(wait(1, 0)).toBe(250);
  expect(wait(50, 0)).toBe(5000);
});
