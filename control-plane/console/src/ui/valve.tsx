import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { BoardRow } from "../api/types";
import { move } from "../app/move";
import { readPercent } from "../model/consent";
import { valve } from "../model/format";

/** Arrow keys make many small steps: the valve moves when they rest for this long. */
const REST_MS = 700;

const plain = (percent: number): string => String(Number(percent.toFixed(4)));

/** A shadow's valve: a slider for the hand, a number for the exact share. It moves on release. */
export function Valve({ row, barred }: { row: BoardRow; barred: string | null }) {
  const [draft, setDraft] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const [awaited, setAwaited] = useState(0);
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined);
  const byKey = useRef(false);
  const isMoving = useRef(false);
  const id = useId();

  const reset = (): void => {
    clearTimeout(rest.current);
    setDraft(null);
    setWrong(null);
    setAwaited(0);
  };
  // What was asked for is shown until the stream tells the same.
  useEffect(() => {
    if (awaited > 0 && row.revision >= awaited) reset();
  }, [row.revision, awaited]);
  useEffect(() => () => clearTimeout(rest.current), []);

  const commit = (text: string): void => {
    clearTimeout(rest.current);
    const percent = readPercent(text);
    if (typeof percent === "string") {
      setWrong(percent);
      return;
    }
    setWrong(null);
    isMoving.current = true;
    void move(row, { percent }).then((revision) => {
      isMoving.current = false;
      if (revision === null) reset();
      else setAwaited(revision);
    });
  };
  const slide = (text: string): void => {
    setDraft(text);
    setWrong(null);
    clearTimeout(rest.current);
    if (byKey.current) rest.current = setTimeout(() => commit(text), REST_MS);
  };
  const onKey = (event: KeyboardEvent, text: string): void => {
    byKey.current = true;
    if (event.key === "Escape") reset();
    if (event.key === "Enter") commit(text);
  };

  const shown = draft ?? plain(row.percent);
  const number = readPercent(shown);
  const at = typeof number === "number" ? number : row.percent;
  return (
    <div class={`valve${draft === null ? "" : " draft"}${row.enabled ? "" : " off"}`} title={barred ?? undefined}>
      <input
        type="range"
        min="0"
        max="100"
        step="1"
        value={String(at)}
        style={{ "--at": `${at}%` }}
        disabled={barred !== null}
        aria-label={`valve of ${row.name}`}
        aria-valuetext={valve(at)}
        onPointerDown={() => (byKey.current = false)}
        onKeyDown={(event) => onKey(event, shown)}
        onInput={(event) => slide(event.currentTarget.value)}
        onChange={(event) => {
          if (!byKey.current) commit(event.currentTarget.value);
        }}
      />
      <span class="number">
        <input
          type="text"
          inputMode="decimal"
          autoComplete="off"
          size={6}
          value={shown}
          disabled={barred !== null}
          aria-label={`share of ${row.name} in percent`}
          aria-invalid={wrong !== null}
          aria-describedby={wrong === null ? undefined : id}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => onKey(event, event.currentTarget.value)}
          onBlur={(event) => {
            // A dialog about it takes the focus: that is no second step.
            if (draft !== null && awaited === 0 && !isMoving.current) commit(event.currentTarget.value);
          }}
        />
        <span aria-hidden="true">%</span>
      </span>
      {wrong !== null && (
        <p class="wrong" id={id} role="alert">
          {wrong}
        </p>
      )}
    </div>
  );
}
