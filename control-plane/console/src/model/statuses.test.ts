import { expect, test } from "vitest";

import { statusMatrix } from "./statuses";

test("statuses meet in a table", () => {
  const of = (primary: number, shadow: number | null, control: number | null, count: number) => ({ primary, shadow, control, count });
  const matrix = statusMatrix([of(200, 200, 200, 90), of(200, 200, null, 5), of(404, 200, 404, 3), of(200, null, 200, 2)]);
  expect(matrix.columns).toEqual(["200", "none"]);
  expect(matrix.rows.map(({ primary, cells }) => [primary, ...cells.map(({ count }) => count)])).toEqual([
    ["200", 95, 2],
    ["404", 3, 0],
  ]);
  expect(matrix.largestOff).toBe(3);
});
