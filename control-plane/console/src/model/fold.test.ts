import { expect, test } from "vitest";

import { fold } from "./fold";

const shown = (text: string, context = 1): string[] =>
  fold([...text], (letter) => letter === "x", context).map((part) => (part.folded ? `(${part.lines.length})` : part.lines.join("")));

test("what is quiet for long is folded", () => {
  expect(shown("aaaaxbbbbbb")).toEqual(["(3)", "axb", "(5)"]);
  expect(shown("aaxbbbxc")).toEqual(["aaxbbbxc"]);
  expect(shown("aaaa")).toEqual(["(4)"]);
  expect(shown("")).toEqual([]);
  expect(shown("x", 3)).toEqual(["x"]);
});
