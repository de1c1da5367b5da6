import { useState } from "preact/hooks";

import type { Pair } from "../../api/evidence";
import * as api from "../../api/routes";
import type { Me } from "../../api/types";
import { useLoad } from "../../app/load";
import { complain } from "../../app/notices";
import { setQuery } from "../../app/router";
import { asProblem } from "../../api/problem";
import { latency } from "../../model/format";
import { NotRead, Waiting } from "../../ui/problem";
import { Time } from "../../ui/time";
import { filter, show } from "./filter";
import { PairView } from "./pair";

const OUTCOMES = [
  "different",
  "match",
  "noise",
  "answered",
  "connect_failure",
  "reset",
  "timeout",
  "late",
  "no_answer",
  "not_routed",
  "never_seen",
  "dropped",
];

/** Sampled pairs: a list to choose from, and the one that is looked at. */
export function Pairs({ name, me }: { name: string; me: Me }) {
  const { pair, ...wanted } = filter();
  const key = `pairs ${name} ${JSON.stringify(wanted)}`;
  const loaded = useLoad(key, (signal) => api.pairs(name, wanted, signal));
  const named = useLoad(pair === undefined ? null : `pair ${name} ${pair}`, (signal) => api.pairs(name, { pair: pair ?? "" }, signal));
  const [older, setOlder] = useState<{ key: string; items: Pair[]; next: number | null }>({ key: "", items: [], next: null });
  const more = older.key === key ? older : { items: [], next: Number(loaded.value?.next ?? 0) || null };
  const items = [...(loaded.value?.items ?? []), ...more.items];
  const chosen = pair === undefined ? items[0] : (named.value?.items[0] ?? items.find((one) => one.pair === pair));
  const readOlder = (before: number): void => {
    api.pairs(name, { ...wanted, before }).then(
      (page) => setOlder({ key, items: [...more.items, ...page.items], next: Number(page.next ?? 0) || null }),
      (thrown: unknown) => complain("Older pairs were not read", asProblem(thrown)),
    );
  };
  return (
    <section class="panel" id="pairs" aria-labelledby="pairs-title">
      <header class="pairs-head">
        <h2 id="pairs-title">Pairs</h2>
        <label class="field inline">
          <span>outcome</span>
          <select value={wanted.outcome ?? ""} onChange={(event) => setQuery({ outcome: event.currentTarget.value, pair: null })}>
            <option value="">all</option>
            {OUTCOMES.map((outcome) => (
              <option key={outcome}>{outcome}</option>
            ))}
          </select>
        </label>
        {(["endpoint", "field"] as const).map(
          (by) =>
            wanted[by] !== undefined && (
              <button key={by} type="button" class="small" onClick={() => setQuery({ [by]: null })}>
                {by} {wanted[by]} <span aria-label="take the filter off">✕</span>
              </button>
            ),
        )}
        <button type="button" class="small" onClick={loaded.again}>
          Read anew
        </button>
      </header>
      <NotRead loaded={loaded} />
      {loaded.isLoading && <Waiting what="pairs" />}
      {loaded.value !== null && items.length === 0 && <NoPairs isFiltered={Object.keys(wanted).length > 0} />}
      {items.length > 0 && (
        <div class="pairs">
          <ul class="pair-list" aria-label="Pairs, newest first">
            {items.map((one) => (
              <li key={one.id}>
                <button
                  type="button"
                  class={`pair-choice ${one.outcome}`}
                  aria-pressed={one.id === chosen?.id}
                  onClick={() => setQuery({ pair: one.pair })}
                >
                  <span class="pair-path">
                    {one.method} {one.path}
                  </span>
                  <span class="small-print">
                    <b class="pair-outcome">{one.outcome}</b> {one.primary.status ?? "–"} / {one.shadow.status ?? "–"} ·{" "}
                    {latency(one.primary.end_ms ?? null)} / {latency(one.shadow.end_ms ?? null)} · <Time at={one.at} />
                  </span>
                </button>
              </li>
            ))}
            {more.next !== null && (
              <li>
                <button type="button" class="small" onClick={() => readOlder(more.next ?? 0)}>
                  Older ones
                </button>
              </li>
            )}
          </ul>
          {chosen === undefined ? (
            <p class="waiting">{named.isLoading ? "Reading the pair…" : "This pair is no longer kept."}</p>
          ) : (
            <PairView key={chosen.id} pair={chosen} me={me} />
          )}
        </div>
      )}
    </section>
  );
}

function NoPairs({ isFiltered }: { isFiltered: boolean }) {
  if (!isFiltered) {
    return (
      <p class="waiting">
        No pair is kept yet. They come when the valve is open and requests flow; <code>compare.body: full</code> keeps bodies too.
      </p>
    );
  }
  return (
    <p class="waiting">
      No pair fits.{" "}
      <button type="button" class="link" onClick={() => show({})}>
        Show all
      </button>
    </p>
  );
}
