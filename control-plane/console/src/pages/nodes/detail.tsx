import type { Node } from "../../api/types";
import { valve } from "../../model/format";
import { Dialog } from "../../ui/dialog";
import { NodeMark } from "../../ui/mark";
import { Time } from "../../ui/time";
import { Workers } from "./workers";

type Policy = Node["applied"];

/** Policies are named by hashes: the beginning tells them apart. */
export function shortVersion(policy: Policy): string {
  return policy === null || policy === undefined ? "—" : policy.version.slice(0, 8);
}

/** One Envoy in full. */
export function NodeDialog({ node, onClose }: { node: Node; onClose: () => void }) {
  const shares = Object.entries(node.shares);
  return (
    <Dialog title={node.id} onClose={onClose} wide>
      <p>
        <NodeMark node={node} /> {node.connected ? "" : "It follows what it ran until max_staleness passes, then every share is 0."}
      </p>
      {node.nack !== null && node.nack !== undefined && (
        <p class="warning">
          It refused the policy <code>{node.nack.version.slice(0, 8)}</code> <Time at={node.nack.at} />: {node.nack.reason}. The last good
          one goes on. A filter that is older than the control plane is the usual cause.
        </p>
      )}
      <dl class="facts">
        <dt>cluster</dt>
        <dd>{node.cluster || "—"}</dd>
        <dt>zone, region</dt>
        <dd>{[node.zone, node.region].filter((part) => part !== "").join(", ") || "—"}</dd>
        <dt>Envoy</dt>
        <dd>{node.envoy_version || "—"}</dd>
        <dt>shall run</dt>
        <dd>
          <PolicyWords policy={node.desired} />
        </dd>
        <dt>runs</dt>
        <dd>
          <PolicyWords policy={node.applied} />
        </dd>
        <dt>connected</dt>
        <dd>{node.connected ? <>since <Time at={node.connected_at} full /></> : "no"}</dd>
        <dt>last word of it</dt>
        <dd>
          <Time at={node.last_seen} /> (<Time at={node.last_seen} full />)
        </dd>
        {Object.entries(node.metadata).map(([key, value]) => (
          <Fact key={key} name={key} value={value} />
        ))}
      </dl>
      <h3>Share of every shadow on this node</h3>
      {shares.length === 0 ? (
        <p class="small-print">It runs no policy that this server remembers.</p>
      ) : (
        <ul class="shares">
          {shares.map(([name, share]) => (
            <li key={name} class={share.enabled && share.percent > 0 ? "on" : "off"}>
              <a href={`/shadows/${encodeURIComponent(name)}`}>{name}</a>
              <span>{share.enabled ? valve(share.percent) : "off"}</span>
            </li>
          ))}
        </ul>
      )}
      <h3>Workers</h3>
      <Workers node={node} />
      <div class="actions">
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function PolicyWords({ policy }: { policy: Policy }) {
  if (policy === null || policy === undefined) return <>nothing that it told of</>;
  return (
    <>
      <code>{policy.version}</code>
      {policy.revision !== null && policy.revision !== undefined && <> (revision {policy.revision})</>}
    </>
  );
}
