import { expect, test } from "vitest";

import type { AuditRow } from "../api/types";
import { movement } from "./change";

const row = (before: unknown, after: unknown): AuditRow => ({
  id: 1,
  revision: 1,
  at: "",
  actor: "",
  source: "",
  action: "valve",
  kind: "Shadow",
  name: "a",
  hash: "0".repeat(64),
  before,
  after,
});
const shadow = (spec: object) => ({ kind: "Shadow", spec });

test("movements are told in a few words", () => {
  expect(movement(row(shadow({ percent: 10 }), shadow({ percent: 25 })))).toBe("10 % → 25 %");
  expect(movement(row(shadow({}), shadow({ percent: 0.5, enabled: false })))).toBe("0 % → 0.5 %, on → off");
  expect(movement(row(shadow({ percent: 1 }), shadow({ percent: 1, stamps: [] })))).toBeNull();
  expect(movement(row(null, shadow({})))).toBeNull();
  expect(movement(row({ kind: "Stamp", spec: {} }, { kind: "Stamp", spec: {} }))).toBeNull();
});
