// The event stream, kept up: read through fetch, so that a refusal can be told from a lost line, and so that silence is
// noticed (EventSource shows neither status nor comments).
import { signal } from "@preact/signals";

import { session } from "../api/client";
import { ofAnswer } from "../api/problem";
import type { Problem } from "../api/problem";
import type { BoardRow } from "../api/types";
import { wait } from "./backoff";
import { EventParser } from "./sse";
import { reduce, withRow } from "./state";
import type { LiveState } from "./state";

export type Line =
  | { state: "connecting" }
  | { state: "live" }
  /**
   * `heardAt` and `retryAt` in milliseconds since 1970: what is shown is of `heardAt`, null if nothing is. `problem` where
   * the server refused.
   */
  | { state: "lost"; heardAt: number | null; retryAt: number; problem: Problem | null };

/** What was heard last, live or not. */
export const live = signal<LiveState | null>(null);
export const line = signal<Line>({ state: "connecting" });

/** The server sends a comment every 15 seconds: after twice that, nobody is there. */
const SILENCE_MS = 32_000;

let current: AbortController | null = null;
let wakeUp: (() => void) | null = null;
let hangUp: (() => void) | null = null;
/** When the server last showed that what is shown is so; one connection after the other, whatever page asked for it. */
let heardAt: number | null = null;
/** When the connection last had a sign of life, its beginning included. */
let aliveAt = 0;

/** Connects, and stays connected until `stop`. `withNodes` asks for the rows of the nodes too. */
export function start(withNodes: boolean): void {
  stop();
  const controller = new AbortController();
  current = controller;
  // What was lost stays lost until something is heard.
  line.value = line.value.state === "lost" ? { ...line.value, retryAt: Date.now() } : { state: "connecting" };
  document.addEventListener("visibilitychange", look, { signal: controller.signal });
  void keep(controller.signal, withNodes);
}

export function stop(): void {
  current?.abort();
  current = null;
}

/** Tries again now, not after the wait. */
export function retryNow(): void {
  wakeUp?.();
}

/** Takes in where a shadow stands, by whatever way that was read. What the stream told since is newer. */
export function learn(name: string, newer: (row: BoardRow) => BoardRow): BoardRow | null {
  const row = live.value?.shadows.get(name);
  if (live.value === null || row === undefined) return null;
  const learnt = newer(row);
  if (learnt.revision > row.revision) live.value = withRow(live.value, learnt);
  return live.value.shadows.get(name) ?? null;
}

/** Timers stand still while a machine sleeps: when somebody looks again, the clock on the wall says how long it was silent. */
function look(): void {
  if (document.hidden) return;
  if (Date.now() - aliveAt > SILENCE_MS) hangUp?.();
  retryNow();
}

async function keep(stopped: AbortSignal, withNodes: boolean): Promise<void> {
  let failures = 0;
  while (!stopped.aborted) {
    const heard = { anything: false };
    const problem = await listen(stopped, withNodes, heard);
    if (stopped.aborted) return;
    if (problem?.kind === "unauthenticated") {
      session.onUnauthenticated();
      return;
    }
    failures = heard.anything ? 1 : failures + 1;
    const pause = wait(failures, Math.random());
    line.value = { state: "lost", heardAt, retryAt: Date.now() + pause, problem };
    await sleep(pause, stopped);
  }
}

/** Reads until the stream ends; why it was refused, or null. */
async function listen(
  stopped: AbortSignal,
  withNodes: boolean,
  heard: { anything: boolean },
): Promise<Problem | null> {
  const given = new AbortController();
  const end = (): void => given.abort();
  stopped.addEventListener("abort", end);
  hangUp = end;
  aliveAt = Date.now();
  let watchdog = setTimeout(end, SILENCE_MS);
  try {
    const response = await fetch(`/api/v1/events${withNodes ? "?nodes=true" : ""}`, {
      headers: { accept: "text/event-stream" },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: given.signal,
    });
    if (!response.ok || response.body === null) {
      return ofAnswer(response.status, await response.text(), response.headers.get("retry-after"));
    }
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return null;
      clearTimeout(watchdog);
      watchdog = setTimeout(end, SILENCE_MS);
      take(parser, value, heard);
      aliveAt = Date.now();
      if (heard.anything) heardAt = aliveAt;
    }
  } catch {
    // The line is lost; that is all there is to know.
    return null;
  } finally {
    clearTimeout(watchdog);
    if (hangUp === end) hangUp = null;
    stopped.removeEventListener("abort", end);
    given.abort();
  }
}

function take(parser: EventParser, piece: string, heard: { anything: boolean }): void {
  let state = live.value;
  for (const event of parser.feed(piece)) {
    state = reduce(state, event);
    if (event.event !== "snapshot") continue;
    heard.anything = true;
    line.value = { state: "live" };
  }
  // Once for all the events of a piece.
  live.value = state;
}

function sleep(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", done);
      wakeUp = null;
      resolve();
    };
    const timer = setTimeout(done, ms);
    wakeUp = done;
    stopped.addEventListener("abort", done);
  });
}
