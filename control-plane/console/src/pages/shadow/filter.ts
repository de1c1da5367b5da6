// Which pairs are shown: kept in the address, so that a colleague can be sent one.
import { query, setQuery } from "../../app/router";
import type { PairFilter } from "../../api/routes";

const NAMES = ["outcome", "endpoint", "field", "pair"] as const;

export function filter(): PairFilter {
  const found: PairFilter = {};
  for (const name of NAMES) {
    const value = query.value.get(name);
    if (value !== null) found[name] = value;
  }
  return found;
}

/** Shows these pairs and no others, and goes there. */
export function show(wanted: PairFilter): void {
  setQuery(Object.fromEntries(NAMES.map((name) => [name, wanted[name] ?? null])));
  document.getElementById("pairs")?.scrollIntoView({ block: "start" });
}
