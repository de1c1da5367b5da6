import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { BoardRow } from "../api/types";
import { learn, line, live, start, stop } from "./connection";

const SNAPSHOT = `event: snapshot\ndata: ${JSON.stringify({ revision: 1, shadows: [], nodes: {} })}\n\n`;

/** The server: a stream for each request, or none while it is away. */
let streams: ReadableStreamDefaultController<Uint8Array>[] = [];
let isAway = false;
const write = async (text: string): Promise<void> => {
  streams.at(-1)?.enqueue(new TextEncoder().encode(text));
  await vi.advanceTimersByTimeAsync(0);
};
/** Time passes; asleep, only that on the wall does. */
const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1_000);
const sleep = (seconds: number): unknown => vi.setSystemTime(Date.now() + seconds * 1_000);
const look = async (): Promise<void> => {
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
};
const at = (): number => Date.now();

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("fetch", (_: string, { signal }: { signal: AbortSignal }) => {
    if (isAway) return Promise.reject(new TypeError("refused"));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        streams.push(controller);
        signal.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return Promise.resolve(new Response(body));
  });
});

afterEach(() => {
  stop();
  streams = [];
  isAway = false;
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("what is shown is of when it was last heard, whatever is tried after that", async () => {
  start(false);
  await write(SNAPSHOT);
  await pass(15);
  await write(": here\n\n");
  const heardAt = at();
  expect(line.value.state).toBe("live");
  // Silence is noticed late, and another page asks for another stream.
  isAway = true;
  await pass(33);
  expect(line.value).toMatchObject({ state: "lost", heardAt });
  start(true);
  expect(line.value).toMatchObject({ state: "lost", heardAt });
  await pass(60);
  expect(line.value).toMatchObject({ state: "lost", heardAt });
});

test("a page that connects anew is not live before it has heard anything", async () => {
  start(false);
  await write(SNAPSHOT);
  start(true);
  expect(line.value.state).toBe("connecting");
  await write(": here\n\n");
  expect(line.value.state).toBe("connecting");
  await write(SNAPSHOT);
  expect(line.value.state).toBe("live");
});

test("what is read besides is taken in, unless the stream told of something newer", async () => {
  const shadows = [{ name: "a", revision: 5, percent: 10 }];
  start(false);
  await write(`event: snapshot\ndata: ${JSON.stringify({ revision: 5, shadows, nodes: {} })}\n\n`);
  const read = (revision: number, percent: number) => learn("a", (row): BoardRow => ({ ...row, revision, percent }))?.percent;
  expect(read(4, 90)).toBe(10);
  expect(read(6, 20)).toBe(20);
  expect(live.value).toMatchObject({ revision: 6 });
  expect(learn("deleted", (row) => row)).toBeNull();
});

test("after a sleep the silence counts that no timer noticed", async () => {
  start(false);
  await write(SNAPSHOT);
  const heardAt = at();
  sleep(20);
  await look();
  expect([line.value.state, streams.length]).toEqual(["live", 1]);
  sleep(3_600);
  await look();
  expect(line.value).toMatchObject({ state: "lost", heardAt });
  // Who looks while it is lost need not wait.
  await look();
  await write(SNAPSHOT);
  expect([line.value.state, streams.length]).toEqual(["live", 2]);
});
