import { now } from "../app/clock";
import { line, retryNow } from "../live/connection";
import { exact, relative } from "../model/format";

/** Says that the page is not live, and of when it is; nothing while it is. */
export function LineBanner() {
  const state = line.value;
  if (state.state !== "lost") return <div role="status" />;
  const { heardAt, retryAt, problem } = state;
  return (
    <div class="banner" role="status">
      <p>
        <strong>Not live.</strong>{" "}
        {problem === null ? "The line to the control plane is lost" : `The control plane refuses the live line: ${problem.detail}`}
        .{" "}
        {heardAt !== null && (
          <>
            What you see is of <span aria-live="off">{exact(heardAt)}</span>.{" "}
          </>
        )}
        Envoys go on with what they run.
      </p>
      <p aria-live="off">
        Trying again {retryAt > now.value ? relative(retryAt, now.value) : "now"}
        <button type="button" class="small" onClick={retryNow}>
          Try now
        </button>
      </p>
    </div>
  );
}
