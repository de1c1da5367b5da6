// What somebody may do, so that the page offers nothing else. The server decides; this only spares a refusal. Pure.
import type { Me, Role, Scope } from "../api/types";

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function has(me: Me, role: Role): boolean {
  return RANK[me.role] >= RANK[role];
}

/** Why this shadow's valve and switch may not be moved; null if they may. */
export function whyNotMove(me: Me, shadow: { name: string; labels: Record<string, string> }): string | null {
  if (!has(me, "operator")) return "moving it needs the role operator; yours is viewer";
  if (!inScope(me.scope, shadow)) return `it is outside your scope, ${scopeWords(me.scope)}`;
  return null;
}

export function scopeWords(scope: Scope): string {
  return scope.shadows?.join(", ") ?? scope.selector ?? scope.nodes?.join(", ") ?? "all shadows";
}

function inScope(scope: Scope, shadow: { name: string; labels: Record<string, string> }): boolean {
  if (scope.shadows) return scope.shadows.includes(shadow.name);
  return (scope.selector ?? "").split(",").every((term) => {
    const [, key = "", sign, value = ""] = /^([^!=]+?)\s*(!?=)=?\s*(.*)$/.exec(term.trim()) ?? [];
    // Terms of another form are for the server to judge.
    if (sign === undefined) return true;
    return (shadow.labels[key.trim()] === value.trim()) === (sign === "=");
  });
}
