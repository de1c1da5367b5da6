// What the page says of itself: done, or why not.
import { signal } from "@preact/signals";

import type { Problem } from "../api/problem";

export interface Notice {
  id: number;
  text: string;
  problem: Problem | null;
}

/** How long a good word stays. Problems stay until they are put away. */
const STAYS_MS = 6_000;

export const notices = signal<Notice[]>([]);
let next = 0;

export function say(text: string): void {
  const id = add(text, null);
  setTimeout(() => dismiss(id), STAYS_MS);
}

export function complain(text: string, problem: Problem): void {
  add(text, problem);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

function add(text: string, problem: Problem | null): number {
  next += 1;
  notices.value = [...notices.value.filter((notice) => notice.text !== text), { id: next, text, problem }].slice(-4);
  return next;
}
