// A shop's clients: products, and every fifth time the reviews of one.
import { Agent, get } from "node:http";

/** Several connections, so that each of Envoy's workers has some. */
const CLIENTS = 6;
/** Between an answer and the next request of a client: some 150 requests a second in all. */
const PAUSE_MS = 35;
const PRODUCTS = 300;

/** Sends requests through 127.0.0.1:`port` until it is stopped. */
export function flow(port, host) {
  let isFlowing = true;
  let failure = null;
  let number = 0;
  const one = (agent) =>
    new Promise((resolve) => {
      number += 1;
      const id = ((number * 7) % PRODUCTS) + 1;
      const path = number % 5 === 0 ? `/reviews?productId=${id}` : `/products/${id}`;
      const failed = (words) => {
        failure ??= `${path}: ${words}`;
        resolve();
      };
      get({ host: "127.0.0.1", port, path, headers: { host }, agent }, (response) => {
        if (response.statusCode !== 200) failure ??= `${path} was answered with ${response.statusCode}`;
        response.resume().on("end", resolve).on("error", (error) => failed(error.message));
      }).on("error", (error) => failed(error.message));
    });
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (isFlowing) {
      await one(agent);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    /** The first request that production did not answer as it should; null for none. */
    failure: () => failure,
    stop() {
      isFlowing = false;
      return Promise.all(clients);
    },
  };
}
