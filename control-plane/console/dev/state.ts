// The made-up control plane's memory.
import type { ServerResponse } from "node:http";

import type { AuditRow, BoardRow, Node, Shadow, Stamp, Token } from "../src/api/types.ts";
import { counts, nodes } from "./data/nodes.ts";
import { audit, tokens } from "./data/people.ts";
import { boardRow, shadows, stamps } from "./data/shadows.ts";

type Expiry = NonNullable<BoardRow["expiry"]>;

interface Listener {
  response: ServerResponse;
  withNodes: boolean;
}

export class State {
  readonly shadows = new Map<string, Shadow>();
  readonly stamps: Stamp[] = stamps();
  readonly nodes: Node[];
  readonly audit: AuditRow[];
  readonly tokens: Token[];
  /** The valve and the switch of a shadow go back each in its own time. */
  readonly expiries = new Map<string, Partial<Record<"percent" | "enabled", Expiry>>>();
  readonly listeners = new Set<Listener>();
  revision = 52;

  constructor(now: number) {
    for (const shadow of shadows()) this.shadows.set(shadow.metadata.name, shadow);
    this.nodes = nodes([...this.shadows.values()], now);
    this.audit = audit([...this.shadows.values()], now);
    this.tokens = tokens(now);
    this.expiries.set("prices-in-rust", { percent: { at: new Date(now + 5_400_000).toISOString(), percent: 10, enabled: null } });
  }

  row(shadow: Shadow): BoardRow {
    const expiries = Object.values(this.expiries.get(shadow.metadata.name) ?? {});
    const [expiry = null] = expiries.toSorted((a, b) => a.at.localeCompare(b.at));
    return { ...boardRow(shadow, this.nodes.filter((node) => node.connected).length), expiry };
  }

  board(): { revision: number; shadows: BoardRow[]; nodes: ReturnType<typeof counts> } {
    return {
      revision: this.revision,
      shadows: [...this.shadows.values()].map((shadow) => this.row(shadow)),
      nodes: counts(this.nodes),
    };
  }

  /** Replaces a shadow, and tells everybody who listens. */
  write(action: string, before: Shadow, changed: Shadow, reason: string | null): Shadow {
    this.revision += 1;
    const after: Shadow = {
      ...changed,
      metadata: { ...changed.metadata, revision: this.revision, updated_at: new Date().toISOString() },
    };
    this.shadows.set(after.metadata.name, after);
    const row: AuditRow = {
      id: this.revision,
      revision: this.revision,
      at: new Date().toISOString(),
      actor: "dev",
      source: "127.0.0.1:50000",
      action,
      kind: "Shadow",
      name: after.metadata.name,
      before,
      after,
      reason,
      hash: "0".repeat(64),
    };
    this.audit.unshift(row);
    this.tell("shadow", this.row(after));
    this.tell("audit", row);
    return after;
  }

  tell(event: string, data: unknown): void {
    for (const { response } of this.listeners) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
