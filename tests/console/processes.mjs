// Processes that are started, waited for, and ended.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";

/** Far more than any server here takes to come up. */
const PATIENCE_MS = 60_000;

/** Starts it, and waits until `url` is answered. Its output goes to the file `log`. */
export async function start([program, ...words], url, { log, env = {}, cwd } = {}) {
  const out = log === undefined ? "ignore" : openSync(log, "a");
  const child = spawn(program, words, { cwd, stdio: ["ignore", out, out], env: { ...process.env, ...env } });
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    if (child.exitCode !== null) throw new Error(`${program} ended; see ${log}`);
    const isUp = await fetch(url).then((response) => response.ok, () => false);
    if (isUp) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`${program} did not answer ${url}; see ${log}`);
}

/** Ends it, if it was started and runs. */
export async function end(child, signal = "SIGKILL") {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}
