// Reading from the API in a component: what is shown stays while it is read anew.
import { useEffect, useRef, useState } from "preact/hooks";

import { asProblem } from "../api/problem";
import type { Problem } from "../api/problem";

export interface Loaded<T> {
  value: T | null;
  /** When the value was asked for, in milliseconds since 1970; null without one. */
  at: number | null;
  /** Why it was not read, or not anew. */
  problem: Problem | null;
  isLoading: boolean;
  again: () => void;
}

interface Kept<T> {
  key: string | null;
  value: T | null;
  at: number | null;
  problem: Problem | null;
}

/**
 * Reads when `key` changes, and then every `everyMs` while the page is looked at, and at once when somebody looks at it
 * again; 0 for once. Null for nothing to read. A value of another key is not shown. When `version` changes it is read anew, and what there was stays until then.
 */
export function useLoad<T>(key: string | null, read: (signal: AbortSignal) => Promise<T>, everyMs = 0, version = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<Kept<T>>({ key: null, value: null, at: null, problem: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    if (key === null) return;
    const given = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isRead = false;
    const once = async (): Promise<void> => {
      timer = undefined;
      try {
        if (!isRead || !document.hidden) {
          const at = Date.now();
          const value = await latest.current(given.signal);
          if (!given.signal.aborted) setLoaded({ key, value, at, problem: null });
          isRead = true;
        }
      } catch (thrown) {
        if (given.signal.aborted) return;
        const problem = asProblem(thrown);
        setLoaded((before) => (before.key === key ? { ...before, problem } : { key, value: null, at: null, problem }));
      }
      if (everyMs > 0 && !given.signal.aborted) timer = setTimeout(() => void once(), everyMs);
    };
    const look = (): void => {
      // Without a timer it is being read.
      if (document.hidden || timer === undefined) return;
      clearTimeout(timer);
      void once();
    };
    document.addEventListener("visibilitychange", look, { signal: given.signal });
    void once();
    return () => {
      given.abort();
      clearTimeout(timer);
    };
  }, [key, turn, everyMs, version]);
  const isOfKey = loaded.key === key;
  return {
    value: isOfKey ? loaded.value : null,
    at: isOfKey ? loaded.at : null,
    problem: isOfKey ? loaded.problem : null,
    isLoading: key !== null && !isOfKey,
    again: () => setTurn((before) => before + 1),
  };
}
