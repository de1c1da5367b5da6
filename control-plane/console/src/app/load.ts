// Reading from the API in a component: what is shown stays while it is read anew.
import { useEffect, useRef, useState } from "preact/hooks";

import { asProblem } from "../api/problem";
import type { Problem } from "../api/problem";

export interface Loaded<T> {
  value: T | null;
  problem: Problem | null;
  isLoading: boolean;
  again: () => void;
}

/**
 * Reads when `key` changes, and then every `everyMs` while the page is looked at; 0 for once. Null for nothing to read.
 * A value of another key is not shown. When `version` changes it is read anew, and what there was stays until then.
 */
export function useLoad<T>(key: string | null, read: (signal: AbortSignal) => Promise<T>, everyMs = 0, version = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<{ key: string | null; value: T | null; problem: Problem | null }>({
    key: null,
    value: null,
    problem: null,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    if (key === null) return;
    const given = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isRead = false;
    const once = async (): Promise<void> => {
      try {
        if (!isRead || !document.hidden) {
          const value = await latest.current(given.signal);
          if (!given.signal.aborted) setLoaded({ key, value, problem: null });
          isRead = true;
        }
      } catch (thrown) {
        if (given.signal.aborted) return;
        setLoaded((before) => ({ key, value: before.key === key ? before.value : null, problem: asProblem(thrown) }));
      }
      if (everyMs > 0 && !given.signal.aborted) timer = setTimeout(() => void once(), everyMs);
    };
    void once();
    return () => {
      given.abort();
      clearTimeout(timer);
    };
  }, [key, turn, everyMs, version]);
  const isOfKey = loaded.key === key;
  return {
    value: isOfKey ? loaded.value : null,
    problem: isOfKey ? loaded.problem : null,
    isLoading: key !== null && !isOfKey,
    again: () => setTurn((before) => before + 1),
  };
}
