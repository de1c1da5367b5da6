import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { READ_LIMIT_MS, call, freshKey } from "./client";

/** What came of a request, once something did. */
function outcome(request: Promise<unknown>): { of: unknown } {
  const seen: { of: unknown } = { of: "waits" };
  request.then(
    (value) => (seen.of = value),
    (thrown: unknown) => (seen.of = thrown),
  );
  return seen;
}

beforeEach(() => {
  vi.useFakeTimers();
  // A server that takes the request, and never says anything.
  vi.stubGlobal("fetch", (_: string, { signal }: { signal: AbortSignal }) => {
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a read that is not answered is given up, and says so", async () => {
  const seen = outcome(call("/me"));
  await vi.advanceTimersByTimeAsync(READ_LIMIT_MS - 1);
  expect(seen.of).toBe("waits");
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.of).toMatchObject({ kind: "unreachable", detail: expect.stringContaining("for 15 s") });
});

test("a write is waited for, and so is what may take long", async () => {
  const seen = [outcome(call("/tokens", { method: "POST" })), outcome(call("/audit/verify", { limitMs: null }))];
  await vi.advanceTimersByTimeAsync(10 * READ_LIMIT_MS);
  expect(seen.map(({ of }) => of)).toEqual(["waits", "waits"]);
});

test("who gives a read up hears that, and nothing of a server", async () => {
  const given = new AbortController();
  const seen = outcome(call("/me", { signal: given.signal }));
  given.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.of).toMatchObject({ name: "AbortError" });
});

test("keys are made without what only HTTPS has", () => {
  vi.stubGlobal("crypto", { getRandomValues: (into: Uint8Array) => into.fill(10) });
  expect(freshKey()).toBe("0a".repeat(16));
});
