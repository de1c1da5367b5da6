import type { Node, NodeCounts, Shadow } from "../../src/api/types.ts";
import { Random } from "./random.ts";

export const NODES = 2_000;
const CLUSTERS = ["shop-web", "shop-api", "checkout", "search", "accounts", "media-edge"];
const ZONES = ["eu-central-1a", "eu-central-1b", "us-east-1a", "us-east-1d"];

/** 2,000 Envoys, most of them well. */
export function nodes(shadows: Shadow[], now: number): Node[] {
  const random = new Random(7);
  const shares = Object.fromEntries(
    shadows.map(({ metadata, spec }) => [metadata.name, { percent: spec.percent ?? 0, enabled: spec.enabled ?? true }]),
  );
  return Array.from({ length: NODES }, (_, index): Node => {
    const cluster = random.pick(CLUSTERS);
    const zone = random.pick(ZONES);
    const state = index === 41 ? "NACKED" : index % 223 === 5 ? "STALE" : "SYNCED";
    const connected = index % 401 !== 13;
    const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();
    const desired = { version: "3f9a1c77d2e04b18", revision: 52 };
    return {
      id: `${cluster}-${random.hex(8)}-${random.hex(5)}`,
      cluster,
      zone,
      region: zone.replace(/[a-z]$/, ""),
      metadata: { fleet: index % 2 === 0 ? "blue" : "green" },
      envoy_version: index % 9 === 0 ? "1.36.2" : "1.40.0",
      state,
      connected,
      streams: connected ? 1 : 0,
      desired,
      applied: state === "SYNCED" ? desired : { version: "a0117be25591cc3e", revision: 51 },
      nack:
        state === "NACKED"
          ? { ...desired, reason: "stamps[4].match[0].path.regex: this filter knows no \\p{…}: it is older than the control plane", at: ago(320) }
          : null,
      connected_at: ago(3_600 + random.below(400_000)),
      last_seen: ago(connected ? random.below(14) : 7_000 + random.below(9_000)),
      synced_at: ago(90 + random.below(40)),
      workers: [0, 1, 2, 3, 4].map((worker) => {
        const isSilent = index === 67 && worker === 3;
        return {
          instance: random.hex(16),
          state: isSilent ? "SILENT" : state === "SYNCED" ? "SYNCED" : "STALE",
          version: state === "SYNCED" ? desired.version : "a0117be25591cc3e",
          reported_at: ago(isSilent ? 340 : connected ? random.below(30) : 7_000),
          // Envoy's main thread takes none.
          requests: worker === 0 ? 0 : random.below(900_000),
        };
      }),
      shares: { ...shares, ...(zone === "eu-central-1a" ? { "prices-in-rust": { percent: 80, enabled: true } } : {}) },
    };
  });
}

export function counts(all: Node[]): NodeCounts {
  const of = (state: string): number => all.filter((node) => node.connected && node.state === state).length;
  return {
    total: all.length,
    connected: all.filter((node) => node.connected).length,
    synced: of("SYNCED"),
    stale: of("STALE"),
    nacked: of("NACKED"),
  };
}
