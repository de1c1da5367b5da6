// A rough idea of what the policy would say: paths by their prefix, methods by name.
import type { ExplainRequest, Explanation } from "../src/api/explain.ts";
import type { Shadow, Stamp } from "../src/api/types.ts";

export function explain(body: Record<string, unknown>, shadows: Shadow[], stamps: Stamp[]): Explanation {
  const { method = "GET", path } = body.request as ExplainRequest;
  const stamped = stamps.map((stamp): Explanation["stamps"][number] => {
    const clauses = stamp.spec.match.map((clause, index) => {
      const wanted = clause.path?.prefix ?? clause.path?.exact ?? clause.path?.template ?? "/never";
      const field = `spec.match[${index}]`;
      if (!path.startsWith(wanted)) {
        const words = `path "${path}" is not "${wanted}" and does not lie below it`;
        return { field, matched: false, failed: { field: `${field}.path`, words } };
      }
      return { field, matched: true };
    });
    return { name: stamp.metadata.name, stamped: clauses.some((clause) => clause.matched), clauses };
  });
  const names = stamped.filter((stamp) => stamp.stamped).map((stamp) => stamp.name);
  const node = { id: "", cluster: "", zone: "", region: "", metadata: {} };
  return {
    node,
    stamps: stamped,
    shadows: shadows.map(({ metadata, spec }): Explanation["shadows"][number] => {
      const share = { percent: spec.percent ?? 0, enabled: spec.enabled ?? true };
      const sampling = { by: "cookie", name: "session", salt: metadata.name };
      const base = { name: metadata.name, stamps: spec.stamps.filter((name) => names.includes(name)), share, sampling, copies: [] };
      if (base.stamps.length === 0) {
        return { ...base, decision: "not_stamped", words: `the request does not get the stamp it asks for: ${spec.stamps.join(", ")}` };
      }
      if (!share.enabled) return { ...base, decision: "skipped", reason: "off", words: "the switch is off" };
      if (method !== "GET") return { ...base, decision: "skipped", reason: "guard_method", words: `the guard takes GET and HEAD, not ${method}` };
      return { ...base, decision: "skipped", reason: "no_key", words: "the request has no cookie session, by which the share is drawn" };
    }),
    headers: names.length > 0 ? [{ name: "x-umbra-stamp", value: names.join(",") }] : [],
  };
}
