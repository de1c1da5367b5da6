// A relay in front of a server that counts what arrives there: a share is measured where the requests go, not where they
// are sent from.
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";

/** Below the 5 s after which Node's servers close a connection that is idle, so that no request comes just then. */
const IDLE_MS = 3_000;

/** Relays 127.0.0.1:`from` to 127.0.0.1:`to`, and counts requests for paths like `counted`. */
export async function countingRelay(from, to, counted) {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  let requests = 0;
  const server = createServer((incoming, outgoing) => {
    if (counted.test(incoming.url)) requests += 1;
    const { method, url: path, headers } = incoming;
    const passed = request({ host: "127.0.0.1", port: to, method, path, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  server.listen(from, "127.0.0.1");
  await once(server, "listening");
  return {
    counted: () => requests,
    close() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
