import { dismiss, notices } from "../app/notices";
import { ProblemText } from "./problem";

/** What the page says of itself, told to screen readers as well. */
export function Notices() {
  const shown = notices.value;
  return (
    <div class="notices">
      <div role="status" aria-live="polite">
        {shown
          .filter((notice) => notice.problem === null)
          .map((notice) => (
            <p class="notice" key={notice.id}>
              {notice.text}
            </p>
          ))}
      </div>
      <div role="alert">
        {shown.map(
          (notice) =>
            notice.problem !== null && (
              <div class="notice bad" key={notice.id}>
                <div>
                  <strong>{notice.text}</strong>
                  <ProblemText problem={notice.problem} />
                </div>
                <button type="button" class="small" aria-label="Put this message away" onClick={() => dismiss(notice.id)}>
                  ✕
                </button>
              </div>
            ),
        )}
      </div>
    </div>
  );
}
