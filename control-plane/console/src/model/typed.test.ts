import { expect, test } from "vitest";

import { conditions } from "./rules";
import { cookieLines, headerLines } from "./typed";

test("headers and cookies are read as they are typed", () => {
  expect(headerLines("x-a: 1\n\nX-Time: 12:30\n")).toEqual([
    ["x-a", "1"],
    ["X-Time", "12:30"],
  ]);
  expect(cookieLines("Cookie: a=1; b=c=d")).toEqual([
    ["a", "1"],
    ["b", "c=d"],
  ]);
  expect(headerLines("x-a: 1\nnonsense")).toContain("line 2");
  expect(cookieLines("=1")).toContain("line 1");
});

test("rules read well", () => {
  const words = conditions({
    hosts: ["a", "b", "c"],
    path: { prefix: "/api" },
    headers: [{ name: "x-tenant", exact: "acme" }],
    cookies: [{ name: "beta", present: true }],
    query: [{ name: "w", regex: "[0-9]+" }],
  });
  expect(words.map((condition) => condition.join(" "))).toEqual([
    "host is a, b or c",
    "path begins with /api",
    "header x-tenant is acme",
    "cookie beta is there",
    "query w matches [0-9]+",
  ]);
  expect(conditions({})).toEqual([["every request", ""]]);
});
