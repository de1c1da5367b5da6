// The console in front of a made-up control plane: what the page does, without a mesh.
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

import * as processes from "./processes.mjs";

const CONSOLE = fileURLToPath(new URL("../../control-plane/console", import.meta.url));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const port = await freePort();
let preview = null;

export const base = `http://127.0.0.1:${port}`;
export const tokens = { admin: "umbra_admin", operator: "umbra_operator", viewer: "umbra_viewer" };
/** Signing in is asked for where the address says so. */
export const signedOut = "/?mock=signed-out";
/** A shadow that is past its limit by a field, one that the operator may move, and a request that gets a stamp. */
export const shadow = "checkout-v2";
export const field = "$.items[*].price";
export const inScope = "media-resizer";
export const request = { host: "shop.example.com", path: "/api/cart/7" };

export async function start() {
  preview = await processes.start(["node", "node_modules/vite/bin/vite.js", "preview", "--port", String(port)], base, { cwd: CONSOLE });
}

export const stop = () => processes.end(preview);
export const close = stop;
