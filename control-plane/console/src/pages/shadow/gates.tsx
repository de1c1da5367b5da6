import type { Reason, Verdict } from "../../api/evidence";
import { plural } from "../../model/format";
import { gateScale, gateValue } from "../../model/scale";
import { GateMark, VerdictMark } from "../../ui/mark";
import { Time } from "../../ui/time";
import { show } from "./filter";

/** The verdict, and each gate with its interval drawn against its limit. */
export function Gates({ verdict }: { verdict: Verdict }) {
  return (
    <section class="panel" id="verdict" aria-labelledby="verdict-title">
      <header class="verdict-head">
        <h2 id="verdict-title">
          Verdict: <VerdictMark verdict={verdict.verdict} />
        </h2>
        <p>{verdict.summary}</p>
        <p class="small-print">
          {plural(verdict.pairs, "pair")}
          {verdict.evidence_since !== null && (
            <>
              , evidence since <Time at={verdict.evidence_since} full />
            </>
          )}
        </p>
      </header>
      <ul class="gates">
        {verdict.reasons.map((reason) => (
          <Gate key={reason.gate} reason={reason} />
        ))}
      </ul>
      <p class="small-print legend">
        <span class="key interval" /> where the truth is, at every look, with 95 % <span class="key observed" /> seen{" "}
        <span class="key limit" /> limit
      </p>
    </section>
  );
}

function Gate({ reason }: { reason: Reason }) {
  const { gate, state, observed, limit } = reason;
  return (
    <li class={`gate ${state}`}>
      <div class="gate-name">
        <GateMark state={state} />
        <code>{gate}</code>
      </div>
      <p class="gate-figures">
        <strong>{gateValue(gate, observed)}</strong>
        <span class="small-print"> limit {gateValue(gate, limit)}</span>
      </p>
      <Scale reason={reason} />
      <div class="gate-words">
        <p>{reason.words}</p>
        {reason.carriers.length > 0 && (
          <p class="examples">
            {carriers(reason).map(({ endpoint, field }) => (
              <button
                key={`${endpoint} ${field}`}
                type="button"
                class="link"
                onClick={() => show({ endpoint, ...(field === undefined ? {} : { field }) })}
              >
                pairs of {field ?? endpoint}
              </button>
            ))}
          </p>
        )}
        {reason.examples.length > 0 && (
          <p class="examples">
            {reason.examples.map((pair, index) => (
              <button key={pair} type="button" class="link" onClick={() => show({ pair })}>
                example {index + 1}
              </button>
            ))}
          </p>
        )}
      </div>
    </li>
  );
}

/** Each place once, however many kinds of difference it has. */
function carriers({ carriers: all }: Reason): Reason["carriers"] {
  return [...new Map(all.map((one) => [`${one.endpoint} ${one.field ?? ""}`, one])).values()];
}

const [WIDTH, HEIGHT] = [240, 22];

function Scale({ reason }: { reason: Reason }) {
  const scale = gateScale(reason);
  if (scale === null) return <span class="gate-scale" />;
  const { limit, observed, interval, neutral, openLeft, openRight } = scale;
  const [low, high] = [interval[0] * WIDTH, interval[1] * WIDTH];
  const middle = HEIGHT / 2;
  const value = (end: number | null | undefined): string => gateValue(reason.gate, end ?? null);
  const label = `${value(reason.observed)}, between ${value(reason.interval[0])} and ${value(reason.interval[1])}; limit ${value(reason.limit)}`;
  return (
    <svg class="gate-scale" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      <rect class="beyond" x={limit * WIDTH} y="0" width={WIDTH - limit * WIDTH} height={HEIGHT} />
      {neutral !== null && <line class="neutral" x1={neutral * WIDTH} x2={neutral * WIDTH} y1="3" y2={HEIGHT - 3} />}
      <rect class="interval" x={low} y={middle - 4} width={Math.max(2, high - low)} height="8" rx="2" />
      {openLeft && <path class="interval" d={`M0 ${middle}l7 -7v14z`} />}
      {openRight && <path class="interval" d={`M${WIDTH} ${middle}l-7 -7v14z`} />}
      {observed !== null && observed > 0 && observed < 1 && <rect class="observed" x={observed * WIDTH - 1.5} y={middle - 7} width="3" height="14" />}
      <line class="limit" x1={limit * WIDTH} x2={limit * WIDTH} y1="0" y2={HEIGHT} />
    </svg>
  );
}
