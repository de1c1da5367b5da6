import type { Node } from "../../api/types";
import { now } from "../../app/clock";
import { count } from "../../model/format";
import { workerState } from "../../model/workers";
import { WorkerMark } from "../../ui/mark";
import { Time } from "../../ui/time";

/** What every worker of an Envoy last reported. */
export function Workers({ node }: { node: Node }) {
  if (node.workers.length === 0) return <p class="small-print">None has reported to this server yet. Each does within 30 s.</p>;
  return (
    <>
      <table class="stacks">
        <thead>
          <tr>
            {["worker", "state", "runs", "last report", "requests"].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {node.workers.map((worker) => (
            <tr key={worker.instance}>
              <td data-of="worker">
                <code>{worker.instance.slice(0, 8)}</code>
              </td>
              <td data-of="state">
                <WorkerMark state={workerState(worker, now.value)} />
              </td>
              <td data-of="runs">
                <code title={worker.version}>{worker.version.slice(0, 8) || "—"}</code>
              </td>
              <td data-of="last report">
                <Time at={worker.reported_at} />
              </td>
              <td data-of="requests">{count(worker.requests)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small-print">
        One of them is Envoy's main thread, which takes no requests. A worker that falls silent has lost its VM: requests pass it
        unstamped until Envoy gets the module or its configuration anew.
      </p>
    </>
  );
}
