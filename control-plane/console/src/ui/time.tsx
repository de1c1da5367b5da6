import { now } from "../app/clock";
import { exact, relative, zone } from "../model/format";

/** A moment, by how long ago or in how long it is; exactly, in the viewer's zone, when asked for. */
export function Time({ at, full = false }: { at: string | number; full?: boolean }) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  const moment = exact(ms);
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${moment} ${zone()}`}>
      {full ? moment : relative(ms, now.value)}
    </time>
  );
}
