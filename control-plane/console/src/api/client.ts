// One function for every request to the API.
import { ofAnswer, unreachable } from "./problem";

const BASE = "/api/v1";

export interface Options {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal;
  /** How long the answer may take; null for as long as it does. What writes is never given up: it may have been done. */
  limitMs?: number | null;
}

/** A read that takes longer will not be answered: the longest takes a second or two. */
export const READ_LIMIT_MS = 15_000;

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
  const { method = "GET", body, signal, limitMs = method === "GET" ? READ_LIMIT_MS : null } = options;
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
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
    throw unreachable(late.signal.aborted ? limitMs : null);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    const problem = ofAnswer(response.status, text, response.headers.get("retry-after"));
    if (problem.kind === "unauthenticated") session.onUnauthenticated();
    throw problem;
  }
  const value = (text === "" ? undefined : JSON.parse(text)) as T;
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

/** By which a request that is sent again is known. `crypto.randomUUID` is not there over plain HTTP. */
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A name as one segment of a path. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}
