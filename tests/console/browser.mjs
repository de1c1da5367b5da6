// Debian's Chromium, with nothing that reaches for another host.
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.UMBRA_CHROMIUM ?? "/usr/bin/chromium";

export const launch = () =>
  chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/** Every request that leaves for another host, and every complaint of the page: there must be none. */
export function watch(page, base) {
  const complaints = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== new URL(base).origin) complaints.push(`asked ${url.origin}`);
  });
  page.on("pageerror", (error) => complaints.push(`threw ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (401|403|404|412)/.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}
