import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { READ_LIMIT_MS, WRITE_LIMIT_MS, call } from "./client";
import { mayBeDone } from "./problem";
import type { Problem } from "./problem";

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

test("a write that is not answered is given up later, and whether it was done is open", async () => {
  const seen = outcome(call("/tokens", { method: "POST" }));
  await vi.advanceTimersByTimeAsync(WRITE_LIMIT_MS - 1);
  expect(seen.of).toBe("waits");
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.of).toMatchObject({ kind: "unanswered", detail: expect.stringContaining("for 35 s: whether the change was made") });
  expect(mayBeDone(seen.of as Problem)).toBe(true);
});

test("what is posted only to be read is a read", async () => {
  const seen = outcome(call("/explain", { method: "POST", writes: false }));
  await vi.advanceTimersByTimeAsync(READ_LIMIT_MS);
  expect(seen.of).toMatchObject({ kind: "unreachable" });
});

test("what may take long is waited for", async () => {
  const seen = outcome(call("/audit/verify", { limitMs: null }));
  await vi.advanceTimersByTimeAsync(10 * WRITE_LIMIT_MS);
  expect(seen.of).toBe("waits");
});

test("who gives a read up hears that, and nothing of a server", async () => {
  const given = new AbortController();
  const seen = outcome(call("/me", { signal: given.signal }));
  given.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.of).toMatchObject({ name: "AbortError" });
});

describe("what is done once", () => {
  /** Makes a token of this name, and is answered so; null: not at all. The key that was sent. */
  async function make(name: string, status: number | null): Promise<string> {
    const sent: string[] = [];
    vi.stubGlobal("fetch", (_: string, { headers }: { headers: Record<string, string> }) => {
      sent.push(headers["idempotency-key"] ?? "none");
      return status === null ? Promise.reject(new TypeError("failed")) : Promise.resolve(new Response("{}", { status }));
    });
    await call("/tokens", { method: "POST", body: { name }, once: true }).catch(() => undefined);
    return sent.join(" ");
  }

  test("keeps its key until it is answered, for the very same request", async () => {
    const first = await make("ci", null);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(await make("other", null)).not.toBe(first);
    for (const status of [503, 502, 500, 429, 401, null]) expect(await make("ci", status)).toBe(first);
    expect(await make("ci", 201)).toBe(first);
    const second = await make("ci", 422);
    expect(second).not.toBe(first);
    expect(await make("ci", 201)).not.toBe(second);
  });

  test("keys are made without what only HTTPS has", async () => {
    vi.stubGlobal("crypto", { getRandomValues: (into: Uint8Array) => into.fill(10) });
    expect(await make("plain", 201)).toBe("0a".repeat(16));
  });
});
