import { Fragment } from "preact";

import type { DifferingField, EndpointReport, Report } from "../../api/evidence";
import * as api from "../../api/routes";
import type { Me } from "../../api/types";
import { useLoad } from "../../app/load";
import { count, latency, plural, share } from "../../model/format";
import { fieldKey, stretches, trends } from "../../model/trend";
import { Sparkline } from "../../ui/sparkline";
import { show } from "./filter";
import { ProposalButtons } from "./proposals";

/** How many stretches a sparkline has: each is a report to ask for. */
const STRETCHES = 12;
/** Reports by stretches are asked for again this seldom. */
const TREND_MS = 60_000;

type Trends = Map<string, (number | null)[]>;

/** Endpoints and their fields: how often each differs, and how often it does in production itself. */
export function Endpoints({ name, report, me }: { name: string; report: Report; me: Me }) {
  const trend = useLoad(
    report.began_ms === null ? null : `trend ${name} ${report.since} ${report.evidence_since}`,
    (signal) => readTrends(name, report, signal),
    TREND_MS,
  );
  return (
    <section class="panel" id="endpoints" aria-labelledby="endpoints-title">
      <h2 id="endpoints-title">Endpoints and fields</h2>
      {report.endpoints.length === 0 && <p class="waiting">No pair was compared in this time.</p>}
      {report.endpoints.map((endpoint) => (
        <Endpoint key={endpoint.endpoint} endpoint={endpoint} trend={trend.value} me={me} />
      ))}
    </section>
  );
}

async function readTrends(name: string, report: Report, signal: AbortSignal): Promise<Trends> {
  const from = report.since === null ? (report.began_ms ?? Date.now()) : Date.parse(report.since);
  const reports: Report[] = [];
  for (const span of stretches(from, report.ended_ms ?? Date.now(), STRETCHES)) {
    reports.push(await api.report(name, span, signal));
  }
  return trends(reports);
}

function Endpoint({ endpoint, trend, me }: { endpoint: EndpointReport; trend: Trends | null; me: Me }) {
  const { body_mismatch: bodies, status_mismatch: statuses, latency_ms: times } = endpoint;
  return (
    <details class="endpoint" open={endpoint.fields.some((field) => !field.is_noise)}>
      <summary>
        <h3>
          <code>{endpoint.endpoint}</code>
        </h3>
        <span>{plural(endpoint.pairs, "pair")}</span>
        <span>
          answers differ {share(bodies.over_noise)} <span class="small-print">over noise, {share(bodies.raw)} raw</span>
        </span>
        <span>statuses {share(statuses.over_noise)}</span>
        <span>
          p95 {latency(times.shadow.p95)} <span class="small-print">against {latency(times.primary.p95)}</span>
        </span>
      </summary>
      {endpoint.fields.length === 0 ? (
        <p class="small-print">No field was ever seen to differ.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={`Fields of ${endpoint.endpoint}`}>
          <table class="fields stacks">
            <thead>
              <tr>
                <th scope="col">field</th>
                <th scope="col">differs by</th>
                <th scope="col" class="number">
                  raw
                </th>
                <th scope="col" class="number">
                  noise
                </th>
                <th scope="col" class="number">
                  over noise
                </th>
                <th scope="col">over time</th>
                <th scope="col">for example</th>
                <th scope="col">
                  <span class="sr-only">what can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {endpoint.fields.map((field) => (
                <Field key={`${field.path} ${field.kind}`} field={field} endpoint={endpoint} trend={trend} me={me} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

interface FieldProps {
  field: DifferingField;
  endpoint: EndpointReport;
  trend: Trends | null;
  me: Me;
}

function Field({ field, endpoint, trend, me }: FieldProps) {
  const of = (many: number): string => share(endpoint.body_mismatch.compared === 0 ? null : many / endpoint.body_mismatch.compared);
  const values = trend?.get(fieldKey(endpoint.endpoint, field));
  const example = field.examples[0];
  return (
    <tr class={field.is_noise ? "noise" : ""}>
      <th scope="row">
        <button type="button" class="link" onClick={() => show({ endpoint: endpoint.endpoint, field: field.path })}>
          <code>{field.path}</code>
        </button>
      </th>
      <td>{field.is_noise ? `${field.kind}, noise` : field.kind}</td>
      <td class="number" data-of="raw" title={`${count(field.raw)} pairs`}>
        {of(field.raw)}
      </td>
      <td class="number" data-of="noise" title={`${count(field.noise)} pairs`}>
        {of(field.noise)}
      </td>
      <td class="number strong" data-of="over noise" title={`${count(field.excess)} pairs`}>
        {of(field.excess)}
      </td>
      <td>{values !== undefined && values.length > 1 && <Sparkline values={values} label={trendWords(values)} />}</td>
      <td class="example">
        {example !== undefined && (
          <Fragment>
            <code>{shown(example.primary)}</code> → <code>{shown(example.shadow)}</code>
          </Fragment>
        )}
      </td>
      <td>
        <ProposalButtons field={field} me={me} />
      </td>
    </tr>
  );
}

function trendWords(values: (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? "nothing measured" : `from ${share(known[0] ?? null)} to ${share(known.at(-1) ?? null)}`;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
