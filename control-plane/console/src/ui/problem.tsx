import { advice } from "../api/problem";
import type { Problem } from "../api/problem";
import type { Loaded } from "../app/load";
import { Time } from "./time";

/** A refusal, explained: what, why, which fields, and what can be done. */
export function ProblemText({ problem }: { problem: Problem }) {
  const next = advice(problem);
  return (
    <div class="problem">
      <p class="problem-title">{problem.title}</p>
      <p>{problem.detail}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map((error) => (
            <li key={`${error.resource} ${error.field}`}>
              <code>{error.resource === undefined ? error.field : `${error.resource} ${error.field}`}</code> {error.message}
            </li>
          ))}
        </ul>
      )}
      {next !== null && <p class="problem-next">{next}</p>}
    </div>
  );
}

/** What could not be read: in its place, or beside an older answer that stays, with when that was read. */
export function NotRead({ loaded: { problem, at, again } }: { loaded: Loaded<unknown> }) {
  if (problem === null) return null;
  if (at === null) return <Failed problem={problem} again={again} />;
  return (
    <p class="warning" role="status">
      Not read anew: {problem.detail}. What you see is of <Time at={at} full />.{" "}
      <button type="button" class="small" onClick={again}>
        Try again
      </button>
    </p>
  );
}

/** A refusal in place of what was asked for. */
export function Failed({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div class="panel failed" role="alert">
      <ProblemText problem={problem} />
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <p class="waiting" role="status">
      Reading {what}…
    </p>
  );
}
