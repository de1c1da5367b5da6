// One function for every request to the API.
import { keyFor, settle } from "./once";
import { isFinal, ofAnswer, unanswered, unreachable } from "./problem";

const BASE = "/api/v1";

export interface Options {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal;
  /** How long the answer may take; null for as long as it does. */
  limitMs?: number | null;
  /** Whether it changes anything; left out: whatever is no GET. */
  writes?: boolean;
  /** Sent again before it was answered, it is the same request, and is done once. Where the server takes an `Idempotency-Key`. */
  once?: boolean;
}

/** A read that takes longer will not be answered: the longest takes a second or two. */
export const READ_LIMIT_MS = 15_000;

/** A write that takes longer will not be answered: the server itself ends one after 30 s, and says so, which must get here. */
export const WRITE_LIMIT_MS = 35_000;

export interface Answered<T> {
  value: T;
  etag: string | null;
}

/** What the session gives to each request, and is told of each refusal. */
export const session = {
  csrf: null as string | null,
  onUnauthenticated: (): void => undefined,
};

/** The value of an answer. Throws a Problem. */
export async function call<T>(path: string, options: Options = {}): Promise<T> {
  return (await ask<T>(path, options)).value;
}

/** The value of an answer with its entity tag. Throws a Problem; an abort is thrown as it is. */
export async function ask<T>(path: string, options: Options = {}): Promise<Answered<T>> {
  const { method = "GET", body, signal, once = false } = options;
  const { writes = method !== "GET", limitMs = writes ? WRITE_LIMIT_MS : READ_LIMIT_MS } = options;
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  const asked = once ? `${method} ${path} ${JSON.stringify(body)}` : null;
  if (asked !== null) headers["idempotency-key"] = keyFor(asked);
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && session.csrf !== null) headers["x-umbra-csrf"] = session.csrf;
  const late = new AbortController();
  const timer = limitMs === null ? undefined : setTimeout(() => late.abort(), limitMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(BASE + path + queryString(options.query), {
      method,
      headers,
      credentials: "same-origin",
      redirect: "error",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    });
    text = await response.text();
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown;
    const waited = late.signal.aborted ? limitMs : null;
    throw writes ? unanswered(waited) : unreachable(waited);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    const problem = ofAnswer(response.status, text, response.headers.get("retry-after"));
    if (problem.kind === "unauthenticated") session.onUnauthenticated();
    if (asked !== null && isFinal(problem)) settle(asked);
    throw problem;
  }
  const value = (text === "" ? undefined : JSON.parse(text)) as T;
  if (asked !== null) settle(asked);
  return { value, etag: response.headers.get("etag") };
}

/** `?a=b`, or nothing; what is null, undefined or empty is left out. */
export function queryString(query: Options["query"] = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.set(name, String(value));
  }
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

/** A name as one segment of a path. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}
