import { useState } from "preact/hooks";

import { asProblem } from "../api/problem";
import * as api from "../api/routes";
import type { AuditRow } from "../api/types";
import { useLoad } from "../app/load";
import { complain } from "../app/notices";
import { query, setQuery } from "../app/router";
import { live } from "../live/connection";
import { NotRead, Waiting } from "../ui/problem";
import { AuditLine } from "./audit/line";
import { Verify } from "./audit/verify";

const PAGE = 50;
const ACTIONS = ["valve", "create", "update", "delete", "expire", "revoke", "sign-in-failed"];
const KINDS = ["Shadow", "Stamp", "Token", "Access"];
const SPANS: [string, string][] = [
  ["", "ever"],
  ["1h", "the last hour"],
  ["1d", "the last day"],
  ["7d", "the last week"],
  ["30d", "the last 30 days"],
];

function filter(): api.AuditFilter {
  const found: api.AuditFilter = {};
  for (const name of ["actor", "kind", "name", "action", "since"] as const) {
    const value = query.value.get(name);
    if (value !== null) found[name] = value;
  }
  return found;
}

export function AuditPage() {
  const wanted = filter();
  const changes = live.value?.changes ?? 0;
  const filtered = JSON.stringify(wanted);
  const loaded = useLoad(`audit ${filtered}`, () => api.audit(wanted, null, PAGE), 0, changes);
  const [older, setOlder] = useState<{ key: string; items: AuditRow[]; next: number | null }>({ key: "", items: [], next: null });
  const key = `${filtered} ${changes}`;
  const more = older.key === key ? older : { items: [], next: Number(loaded.value?.next ?? 0) || null };
  const items = [...(loaded.value?.items ?? []), ...more.items];
  const readOlder = (before: number): void => {
    api.audit(wanted, before, PAGE).then(
      (page) => setOlder({ key, items: [...more.items, ...page.items], next: Number(page.next ?? 0) || null }),
      (thrown: unknown) => complain("Older rows were not read", asProblem(thrown)),
    );
  };
  return (
    <>
      <header class="page-head">
        <h1>Audit</h1>
        <Verify />
        <a class="button" href={api.auditExport(wanted)} download="umbra-audit.ndjson">
          Export as NDJSON
        </a>
      </header>
      <AuditFilters />
      <NotRead loaded={loaded} />
      {loaded.isLoading && items.length === 0 && <Waiting what="the audit trail" />}
      {loaded.value !== null && items.length === 0 && (
        <p class="waiting">
          {filtered === "{}" ? "Nothing was changed yet. Every write leaves a row here: who, when, from what, to what, and why." : "No row fits."}
        </p>
      )}
      <ol class="audit" aria-label="Changes, newest first">
        {items.map((row) => (
          <AuditLine key={row.id} row={row} />
        ))}
      </ol>
      {more.next !== null && (
        <button type="button" onClick={() => readOlder(more.next ?? 0)}>
          Older ones
        </button>
      )}
    </>
  );
}

function AuditFilters() {
  const value = (name: string): string => query.value.get(name) ?? "";
  const choose = (name: string, title: string, options: [string, string][]) => (
    <label class="field inline" key={name}>
      <span>{title}</span>
      <select value={value(name)} onChange={(event) => setQuery({ [name]: event.currentTarget.value })}>
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
  const type = (name: string, title: string) => (
    <label class="field inline" key={name}>
      <span>{title}</span>
      <input type="search" value={value(name)} onChange={(event) => setQuery({ [name]: event.currentTarget.value.trim() })} />
    </label>
  );
  const named = (names: string[]): [string, string][] => [["", "all"], ...names.map((name): [string, string] => [name, name])];
  return (
    <div class="tools" role="search" aria-label="Filter the audit trail">
      {type("actor", "who")}
      {choose("action", "what", named(ACTIONS))}
      {choose("kind", "kind", named(KINDS))}
      {type("name", "name")}
      {choose("since", "when", SPANS)}
    </div>
  );
}
