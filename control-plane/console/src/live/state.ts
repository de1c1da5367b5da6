// What is known from the event stream: a snapshot, then changes. Pure.
import type { Board, BoardRow, Node, NodeCounts } from "../api/types";
import type { ServerEvent } from "./sse";

export interface LiveState {
  revision: number;
  shadows: ReadonlyMap<string, BoardRow>;
  nodes: NodeCounts;
  /** Null where rows were not asked for. */
  nodeRows: ReadonlyMap<string, Node> | null;
  /**
   * Grows with each change that is heard of, and with each snapshot, before which changes may have been missed: what no
   * event tells is read anew then.
   */
  changes: number;
}

/** The state after an event; the same one where it says nothing new. A first event that is no snapshot says nothing. */
export function reduce(state: LiveState | null, { event, data }: ServerEvent): LiveState | null {
  if (event === "snapshot") return snapshot(JSON.parse(data) as Board, state);
  if (state === null) return null;
  switch (event) {
    case "shadow":
      return withRow(state, JSON.parse(data) as BoardRow);
    case "shadow-deleted": {
      const { name } = JSON.parse(data) as { name: string };
      if (!state.shadows.has(name)) return state;
      const shadows = new Map(state.shadows);
      shadows.delete(name);
      return { ...state, shadows };
    }
    case "nodes":
      return { ...state, nodes: JSON.parse(data) as NodeCounts };
    case "node": {
      if (state.nodeRows === null) return state;
      const node = JSON.parse(data) as Node;
      return { ...state, nodeRows: new Map(state.nodeRows).set(node.id, node) };
    }
    case "audit":
      return { ...state, changes: state.changes + 1 };
    default:
      // `lagged` announces a snapshot; others are of a newer server.
      return state;
  }
}

/** The state after a row was read. */
export function withRow(state: LiveState, row: BoardRow): LiveState {
  const shadows = new Map(state.shadows).set(row.name, row);
  return { ...state, shadows, revision: Math.max(state.revision, row.revision) };
}

function snapshot(board: Board, before: LiveState | null): LiveState {
  return {
    revision: board.revision,
    shadows: new Map(board.shadows.map((row) => [row.name, row])),
    nodes: board.nodes,
    nodeRows: board.node_rows === undefined ? null : new Map(board.node_rows.map((node) => [node.id, node])),
    changes: (before?.changes ?? 0) + 1,
  };
}

/** The rows in the order in which they are shown: what is on first, then by name. */
export function ordered(state: LiveState): BoardRow[] {
  const rows = [...state.shadows.values()];
  return rows.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** Whether copies are made: the switch is on, and some node has a share. */
export function isOn(row: BoardRow): boolean {
  return row.enabled && (row.percent > 0 || (row.in_effect.highest_percent ?? 0) > 0);
}

function rank(row: BoardRow): number {
  return isOn(row) ? 0 : 1;
}
