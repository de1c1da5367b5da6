// The control plane with everything behind it. `cargo xtask browse` runs Envoy and two releases of json-server, and says in
// the file that UMBRA_STACK names where they are; the control plane is started here, so that it can be missed for a while.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { countingRelay } from "./counter.mjs";
import * as processes from "./processes.mjs";
import { flow } from "./traffic.mjs";

const stack = JSON.parse(readFileSync(process.env.UMBRA_STACK, "utf8"));
const bootstrap = `umbra_bootstrap_${randomBytes(32).toString("hex")}`;

export const base = `http://127.0.0.1:${stack.ports.api}`;
export const tokens = { admin: bootstrap, operator: "", viewer: "" };
export const signedOut = "/";
/** json-server 1.0 has ids as text, 0.17 as numbers; products have nothing else that differs. */
export const shadow = "products-next";
export const field = "$.id";
export const inScope = "reviews-next";
export const request = { host: "shop.example.com", path: "/products/7" };
const PRODUCT = /^\/products\/\d+$/;

const stamp = (name, path) => ({
  apiVersion: "umbra/v1",
  kind: "Stamp",
  metadata: { name },
  spec: { match: [{ hosts: [request.host], path, methods: ["GET"] }] },
});
const shadowOf = (name, team, spec) => ({ apiVersion: "umbra/v1", kind: "Shadow", metadata: { name, labels: { team } }, spec });
/** Wide gates, so that some hundred pairs are enough evidence. */
const gates = {
  min_pairs: 100,
  min_duration: "1s",
  max_error_excess: 0.1,
  max_status_mismatch: 0.1,
  max_body_mismatch: 0.1,
  max_latency_ratio: { p50: 50 },
};
const RESOURCES = [
  stamp("products", { template: "/products/{id}" }),
  stamp("reviews", { prefix: "/reviews" }),
  shadowOf(shadow, "catalogue", { stamps: ["products"], target: { cluster: "shadow" }, percent: 40, compare: { body: "full" }, gates }),
  shadowOf(inScope, "social", {
    stamps: ["reviews"],
    target: { cluster: "shadow" },
    control: { cluster: "control" },
    percent: 100,
    compare: { body: "full" },
    gates,
  }),
];

let umbra = null;
const relays = [];
let traffic = null;

async function serve() {
  const env = { UMBRA_BOOTSTRAP_TOKEN: bootstrap };
  umbra = await processes.start(stack.umbra, `${base}/readyz`, { log: join(stack.folder, "umbra.log"), env });
}

export async function start() {
  await serve();
  if (traffic !== null) return;
  for (const name of ["production", "shadow"]) {
    const { from, to } = stack.counters[name];
    relays.push(await countingRelay(from, to, PRODUCT));
  }
  await ask("POST", "/apply", RESOURCES);
  tokens.viewer = (await ask("POST", "/tokens", { name: "wall", role: "viewer" })).token;
  tokens.operator = (await ask("POST", "/tokens", { name: "jonas", role: "operator", scope: { shadows: [inScope] } })).token;
  traffic = flow(stack.ports.ingress, request.host);
}

export const stop = () => processes.end(umbra);

export async function close() {
  await traffic?.stop();
  await processes.end(umbra, "SIGTERM");
  for (const relay of relays) relay.close();
}

/** How many requests for products each server got since the start. */
export const received = () => {
  const [production, next] = relays.map((relay) => relay.counted());
  return { production, shadow: next };
};

/** The first request that a client did not get answered as it should be, in words; null for none. */
export const failure = () => traffic.failure();

/** What the API answers to the admin. */
export async function ask(method, path, body) {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${bootstrap}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${await response.text()}`);
  return response.json();
}
