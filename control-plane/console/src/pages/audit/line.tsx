import type { AuditRow } from "../../api/types";
import { movement } from "../../model/change";
import { manifest } from "../../model/yaml";
import { TextDiff } from "../../ui/lines";
import { Time } from "../../ui/time";

/** One change: who, what, from what to what, and why. */
export function AuditLine({ row }: { row: AuditRow }) {
  const moved = movement(row);
  const hasChange = isThere(row.before) || isThere(row.after);
  const link = row.kind === "Shadow" && isThere(row.after);
  return (
    <li class="panel audit-line">
      <p class="audit-what">
        <Time at={row.at} full />
        <b>{row.actor}</b>
        <span class={`action ${row.action}`}>{row.action}</span>
        <span>
          {row.kind}/{link ? <a href={`/shadows/${encodeURIComponent(row.name)}`}>{row.name}</a> : row.name}
        </span>
        {moved !== null && <strong>{moved}</strong>}
      </p>
      {row.reason !== null && row.reason !== undefined && <p class="reason">“{row.reason}”</p>}
      <details>
        <summary>
          row {row.id}, revision {row.revision}, from {row.source}
        </summary>
        {hasChange ? (
          <TextDiff before={manifest(row.before)} after={manifest(row.after)} label={`What change ${row.id} changed`} />
        ) : (
          <p class="small-print">It changed no resource.</p>
        )}
        {row.hash !== null && row.hash !== undefined && (
          <p class="small-print">
            hash <code class="hash">{row.hash}</code>
          </p>
        )}
      </details>
    </li>
  );
}

function isThere(resource: unknown): boolean {
  return resource !== null && resource !== undefined;
}
