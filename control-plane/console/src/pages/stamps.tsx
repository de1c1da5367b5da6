import type { Stamp } from "../api/types";
import * as api from "../api/routes";
import { useLoad } from "../app/load";
import { live } from "../live/connection";
import { conditions } from "../model/rules";
import { manifest } from "../model/yaml";
import { Copyable } from "../ui/copy";
import { Empty } from "../ui/empty";
import { NotRead, Waiting } from "../ui/problem";
import { Tester } from "./stamps/tester";

export function StampsPage() {
  const loaded = useLoad("stamps", () => api.stamps(), 0, live.value?.changes ?? 0);
  const stamps = loaded.value?.items ?? [];
  return (
    <div class="stamps-page">
      <section aria-labelledby="stamps-title">
        <h1 id="stamps-title">Stamps</h1>
        <p class="small-print">A request gets a stamp if any of its rules fits; of one rule, every condition must hold.</p>
        <NotRead loaded={loaded} />
        {loaded.isLoading && <Waiting what="the stamps" />}
        {loaded.value !== null && stamps.length === 0 && <NoStamps />}
        <ul class="stamps" aria-label="Stamps">
          {stamps.map((stamp) => (
            <StampView key={stamp.metadata.name} stamp={stamp} />
          ))}
        </ul>
      </section>
      <Tester />
    </div>
  );
}

function StampView({ stamp }: { stamp: Stamp }) {
  const { name } = stamp.metadata;
  const users = [...(live.value?.shadows.values() ?? [])].filter((row) => row.stamps.includes(name));
  return (
    <li class="panel stamp">
      <h2>{name}</h2>
      <ol class="rules">
        {stamp.spec.match.map((clause, index) => (
          <li key={index}>
            {conditions(clause).map(([what, words]) => (
              <span class="condition" key={what}>
                <b>{what}</b> {words}
              </span>
            ))}
          </li>
        ))}
      </ol>
      <p class="small-print">
        {users.length === 0
          ? "No shadow asks for it."
          : users.map((row, index) => (
              <span key={row.name}>
                {index === 0 ? "Taken by " : ", "}
                <a href={`/shadows/${encodeURIComponent(row.name)}`}>{row.name}</a>
              </span>
            ))}
      </p>
      <details>
        <summary>Manifest</summary>
        <Copyable text={manifest(stamp)} label={`the manifest of ${name}`} />
      </details>
    </li>
  );
}

const FIRST = `apiVersion: umbra/v1
kind: Stamp
metadata: {name: checkout}
spec:
  match:
    - hosts: [shop.example.com]
      path: {prefix: /api/cart}
      methods: [GET]
`;

function NoStamps() {
  return (
    <Empty title="There is no stamp yet">
      <p>A stamp is a named label for requests that fit a rule. Save this as a file and apply it: <code>umbractl apply -f FILE</code></p>
      <Copyable text={FIRST} label="a manifest" />
    </Empty>
  );
}
