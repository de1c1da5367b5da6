import type { GateState, Node, VerdictName } from "../api/types";
import { nodeState } from "../model/nodefilter";
import type { WorkerState } from "../model/workers";

const VERDICT: Record<VerdictName, [string, string]> = {
  go: ["good", "✓"],
  "no-go": ["bad", "✕"],
  "not-enough-evidence": ["open", "…"],
};
const GATE: Record<GateState, [string, string]> = { pass: ["good", "✓"], fail: ["bad", "✕"], open: ["open", "…"] };
const NODE = {
  SYNCED: ["good", "✓", "SYNCED"],
  STALE: ["open", "…", "STALE"],
  NACKED: ["bad", "✕", "NACKED"],
  gone: ["quiet", "–", "not connected"],
} as const;

const WORKER: Record<WorkerState, [string, string]> = { SYNCED: ["good", "✓"], STALE: ["open", "…"], SILENT: ["bad", "✕"] };

/** A state by colour, sign and word: none of them alone. */
function Mark({ tone, sign, word }: { tone: string; sign: string; word: string }) {
  return (
    <span class={`mark ${tone}`}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      {word}
    </span>
  );
}

export function VerdictMark({ verdict }: { verdict: VerdictName }) {
  const [tone, sign] = VERDICT[verdict];
  return <Mark tone={tone} sign={sign} word={verdict} />;
}

export function GateMark({ state }: { state: GateState }) {
  const [tone, sign] = GATE[state];
  return <Mark tone={tone} sign={sign} word={state} />;
}

export function NodeMark({ node }: { node: Node }) {
  const [tone, sign, word] = NODE[nodeState(node)];
  return <Mark tone={tone} sign={sign} word={word} />;
}

export function WorkerMark({ state }: { state: WorkerState }) {
  const [tone, sign] = WORKER[state];
  return <Mark tone={tone} sign={sign} word={state} />;
}
