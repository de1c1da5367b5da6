import { expect, test } from "vitest";

import type { Shadow } from "../api/types";
import { proposals } from "./proposal";

const shadow: Shadow = {
  apiVersion: "umbra/v1",
  kind: "Shadow",
  metadata: { name: "a" },
  spec: { stamps: ["s"], target: { cluster: "c" }, compare: { headers: ["location", "etag"], ignore: ["$.id"] } },
};

/** The labels, and the comparison that the proposal makes. */
function offered(path: string, kind: "value" | "order" = "value"): [string, unknown][] {
  return proposals({ path, kind }).map(({ label, change }) => [label, change(shadow).spec.compare]);
}

const compare = { headers: ["location", "etag"], ignore: ["$.id"] };

test("fields can be ignored", () => {
  expect(offered("$.price")).toEqual([["Ignore this field", { ...compare, ignore: ["$.id", "$.price"] }]]);
  expect(offered("$.id")).toEqual([["Ignore this field", compare]]);
});

test("arrays can be unordered", () => {
  expect(offered("$.items[*].id").at(1)).toEqual(["Treat as unordered", { ...compare, unordered: ["$.items"] }]);
  expect(offered("$.items", "order").at(1)).toEqual(["Treat as unordered", { ...compare, unordered: ["$.items"] }]);
});

test("headers are left out, and lines cannot be", () => {
  expect(offered("header:etag")).toEqual([["Ignore this header", { ...compare, headers: ["location"] }]]);
  expect(offered("line")).toEqual([]);
});

test("what is changed is a copy", () => {
  const before = structuredClone(shadow);
  for (const { change } of proposals({ path: "$.a[*]", kind: "value" })) change(shadow);
  expect(shadow).toEqual(before);
});
