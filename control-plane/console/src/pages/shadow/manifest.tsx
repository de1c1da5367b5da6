import * as api from "../../api/routes";
import { useLoad } from "../../app/load";
import { live } from "../../live/connection";
import { manifest } from "../../model/yaml";
import { Copyable } from "../../ui/copy";
import { NotRead } from "../../ui/problem";

/** The shadow as it is written, for those who keep it in a repository. */
export function Manifest({ name }: { name: string }) {
  const revision = live.value?.shadows.get(name)?.revision ?? 0;
  const loaded = useLoad(`manifest ${name}`, () => api.shadow(name), 0, revision);
  return (
    <section class="panel" id="manifest" aria-labelledby="manifest-title">
      <h2 id="manifest-title">Manifest</h2>
      <p class="small-print">
        Revision {revision}. <a href={`/audit?kind=Shadow&name=${encodeURIComponent(name)}`}>Who changed it, and why</a>
      </p>
      <NotRead loaded={loaded} />
      {loaded.value !== null && <Copyable text={manifest(loaded.value.value)} label="the manifest" />}
    </section>
  );
}
