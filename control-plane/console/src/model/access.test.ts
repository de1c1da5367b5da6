import { expect, test } from "vitest";

import type { Me } from "../api/types";
import { whyNotMove } from "./access";

const me = (role: Me["role"], scope: Me["scope"]): Me => ({ name: "a", role, scope, via: "token", expires_at: null, csrf: null });
const shadow = { name: "checkout-v2", labels: { team: "cart", env: "prod" } };

test("who may not move a shadow is told why", () => {
  expect(whyNotMove(me("viewer", { all: true }), shadow)).toContain("operator");
  expect(whyNotMove(me("operator", { shadows: ["other"] }), shadow)).toContain("other");
  for (const selector of ["team=search", "team=cart,env!=prod", "tier=gold"]) {
    expect(whyNotMove(me("operator", { selector }), shadow), selector).toContain(selector);
  }
});

test("who may is not kept from it", () => {
  for (const scope of [{ all: true as const }, { shadows: ["checkout-v2"] }, { selector: "team=cart, env!=dev" }]) {
    expect(whyNotMove(me("operator", scope), shadow)).toBeNull();
  }
  expect(whyNotMove(me("admin", { all: true }), shadow)).toBeNull();
});
