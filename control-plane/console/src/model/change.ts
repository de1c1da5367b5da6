// A change of the audit trail in a few words. Pure.
import type { AuditRow } from "../api/types";
import { valve } from "./format";

interface Standing {
  percent?: number;
  enabled?: boolean;
}

/** What a valve or switch was moved from and to: `10 % → 25 %`, `on → off`; null for other changes. */
export function movement(row: AuditRow): string | null {
  const [before, after] = [standing(row.before), standing(row.after)];
  if (before === null || after === null) return null;
  const parts: string[] = [];
  if (percent(before) !== percent(after)) parts.push(`${valve(percent(before))} → ${valve(percent(after))}`);
  if (isOn(before) !== isOn(after)) parts.push(`${isOn(before) ? "on" : "off"} → ${isOn(after) ? "on" : "off"}`);
  return parts.length === 0 ? null : parts.join(", ");
}

function standing(resource: unknown): Standing | null {
  const { kind, spec } = (resource ?? {}) as { kind?: string; spec?: Standing };
  return kind === "Shadow" && spec !== undefined ? spec : null;
}

// What is left out of a manifest has these values.
const percent = (at: Standing): number => at.percent ?? 0;
const isOn = (at: Standing): boolean => at.enabled ?? true;
