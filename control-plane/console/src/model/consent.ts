// What must be said before a valve or a switch moves. Pure.
import { plural, valve } from "./format";

/** Where a shadow's valve and switch stand. */
export interface Position {
  percent: number;
  enabled: boolean;
}

export interface Consent {
  /** A reason must be given. */
  reason: boolean;
  /** What happens, in sentences, for steps that deserve a second look; empty for others. */
  warnings: string[];
}

/** What a step asks for. `reasonStep`: from how many points of percent on a reason must be given. */
export function consent(from: Position, to: Position, reasonStep: number, nodes: number, stamps: string[]): Consent {
  const inEffect = (at: Position): number => (at.enabled ? at.percent : 0);
  const reason = Math.abs(inEffect(to) - inEffect(from)) >= reasonStep && inEffect(to) !== inEffect(from);
  const warnings: string[] = [];
  if (from.enabled && !to.enabled) {
    warnings.push(`Nothing is mirrored any more, on ${nodes === 0 ? "no node" : plural(nodes, "node")}, overrides included.`);
  }
  if (!from.enabled && to.enabled) {
    warnings.push(`Mirroring starts, at ${valve(to.percent)} and at whatever overrides say.`);
  }
  if (inEffect(to) === 100 && inEffect(from) < 100) {
    warnings.push(`Every request with the stamp ${stamps.join(" or ")} is copied: the shadow gets production's whole load.`);
  } else if (inEffect(from) > 0 && inEffect(to) >= 10 * inEffect(from)) {
    warnings.push(`The shadow gets ${Math.round(inEffect(to) / inEffect(from))} times the load that it has now.`);
  }
  return { reason, warnings };
}

/** Whether anything must be asked at all. */
export function mustAsk({ reason, warnings }: Consent): boolean {
  return reason || warnings.length > 0;
}

/** A share as somebody typed it: 0 to 100, at most four decimals, with a point or a comma; else what is wrong. */
export function readPercent(text: string): number | string {
  const plain = text.trim().replace(/\s*%$/, "").replace(",", ".");
  if (!/^\d+(?:\.\d*)?$|^\.\d+$/.test(plain)) return "give a number from 0 to 100";
  const value = Number(plain);
  if (value > 100) return "100 % is all there is";
  if (/\.\d{5,}$/.test(plain)) return "give at most four decimals";
  return value;
}
