// Which statuses met, as a table of production's against the shadow's. Pure.
import type { StatusCount } from "../api/evidence";

export interface StatusMatrix {
  /** `none` where there was no answer. */
  columns: string[];
  rows: { primary: string; cells: { shadow: string; count: number; isSame: boolean }[] }[];
  /** The largest cell that is not on the diagonal. */
  largestOff: number;
}

/** Sums over the control's statuses. */
export function statusMatrix(statuses: StatusCount[]): StatusMatrix {
  const counts = new Map<string, Map<string, number>>();
  const shadows = new Set<string>();
  for (const { primary, shadow, count } of statuses) {
    const [row, column] = [named(primary), named(shadow)];
    const cells = counts.get(row) ?? new Map<string, number>();
    cells.set(column, (cells.get(column) ?? 0) + count);
    counts.set(row, cells);
    shadows.add(column);
  }
  const columns = [...shadows].toSorted();
  let largestOff = 0;
  const rows = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([primary, cells]) => ({
    primary,
    cells: columns.map((shadow) => {
      const count = cells.get(shadow) ?? 0;
      const isSame = primary === shadow;
      if (!isSame) largestOff = Math.max(largestOff, count);
      return { shadow, count, isSame };
    }),
  }));
  return { columns, rows, largestOff };
}

function named(status: number | null): string {
  return status === null || status === 0 ? "none" : String(status);
}
