import { useState } from "preact/hooks";

import type { BoardRow } from "../api/types";
import { move } from "../app/move";

/** A shadow's switch. */
export function Switch({ row, barred }: { row: BoardRow; barred: string | null }) {
  const [isMoving, setMoving] = useState(false);
  const turn = (): void => {
    setMoving(true);
    void move(row, { enabled: !row.enabled }).finally(() => setMoving(false));
  };
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={row.enabled}
      aria-label={`switch of ${row.name}`}
      aria-busy={isMoving}
      disabled={barred !== null || isMoving}
      title={barred ?? (row.enabled ? "on" : "off")}
      onClick={turn}
    >
      <span class="knob" />
    </button>
  );
}
