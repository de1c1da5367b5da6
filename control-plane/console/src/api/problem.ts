// Refusals (RFC 9457), and what went wrong before there was an answer, in words that say what to do.

export interface FieldError {
  resource?: string;
  field: string;
  message: string;
}

/** Why a request did not do what it was to do. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /**
     * The word behind `urn:umbra:problem:`; `unreachable` without an answer, `unanswered` where that was a write, `unknown` for
     * an answer that is no problem.
     */
    readonly kind: string,
    readonly title: string,
    readonly status: number,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

const PREFIX = "urn:umbra:problem:";

/** There was no answer at all; `afterMs`: that was waited for. */
export function unreachable(afterMs: number | null = null): Problem {
  return new Problem(
    "unreachable",
    "The control plane does not answer",
    0,
    `${heard(afterMs)}: it may be restarting, or the network is down; what Envoys run stays as it is`,
  );
}

/** The same of a write. */
export function unanswered(afterMs: number | null = null): Problem {
  return new Problem(
    "unanswered",
    "The control plane did not answer",
    0,
    `${heard(afterMs)}: whether the change was made is not known`,
  );
}

function heard(afterMs: number | null): string {
  return afterMs === null ? "nothing was heard from it" : `nothing was heard from it for ${afterMs / 1000} s`;
}

/** Whether a write may have been done all the same: then what was to be changed is read anew. */
export function mayBeDone({ kind, status }: Problem): boolean {
  return kind === "unanswered" || kind === "timeout" || kind === "internal" || (kind === "unknown" && status >= 500);
}

/** Whether that is the answer to the request itself: not of who is let in, or when, or of what failed. */
export function isFinal({ status }: Problem): boolean {
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status);
}

/** An answer that is not a success. */
export function ofAnswer(status: number, body: string, retryAfter: string | null): Problem {
  const seconds = Number(retryAfter);
  const wait = retryAfter !== null && Number.isFinite(seconds) ? seconds : null;
  const parsed = object(body);
  if (parsed === null || typeof parsed.type !== "string" || !parsed.type.startsWith(PREFIX)) {
    const detail = `the answer was ${status}, and not one of the control plane's own: something between may have given it`;
    return new Problem("unknown", "An answer that was not understood", status, detail, [], wait);
  }
  const errors = Array.isArray(parsed.errors) ? parsed.errors.filter(isFieldError) : [];
  return new Problem(
    parsed.type.slice(PREFIX.length),
    text(parsed.title) ?? "Refused",
    status,
    text(parsed.detail) ?? "no reason was given",
    errors,
    wait,
  );
}

/** What can be done about it, where that is not in the detail. */
export function advice(problem: Problem): string | null {
  switch (problem.kind) {
    case "stale":
      return "Somebody changed it meanwhile. Look at what it is now, then decide again.";
    case "forbidden":
      return "Ask an admin for a token with that role, or with this shadow in its scope.";
    case "csrf":
      return "Reload the page and try again.";
    case "too-many-requests":
      return problem.retryAfter === null ? "Wait a little." : `Wait ${problem.retryAfter} s, then try again.`;
    case "not-found":
      return "It may have been deleted, or this server is older than the console.";
    case "unreachable":
      return "The page tries again by itself.";
    case "unanswered":
      return "What is so now is read anew: look at it before you do it again.";
    default:
      return null;
  }
}

/** Whatever was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem("defect", "This is a defect of the console", 0, words);
}

function object(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isFieldError(value: unknown): value is FieldError {
  const error = value as Partial<FieldError> | null;
  return typeof error?.field === "string" && typeof error.message === "string";
}
