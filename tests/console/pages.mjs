// Every page, as it is looked at: in pictures, and by axe.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const WIDTHS = [1280, 390];
export const THEMES = ["light", "dark"];

/** name, path for a shadow, what must be there before it is looked at */
export const pages = (shadow) => [
  ["board", "/", ".board-line"],
  ["shadow", `/shadows/${shadow}`, ".gates"],
  ["nodes", "/nodes", ".node-row:not(.head)"],
  ["stamps", "/stamps", ".stamp"],
  ["audit", "/audit", ".audit-line"],
  ["tokens", "/tokens", "h1"],
];

/** name, path for a shadow, what is done there, what must be there then */
export const dialogs = (shadow) => [
  ["step", "/", (page) => setShare(page, shadow, "100"), "dialog"],
  ["review", `/shadows/${shadow}`, (page) => page.locator(".fields .proposals button").first().click(), "dialog .text-diff"],
  ["node", "/nodes", (page) => page.locator(".node-row:not(.head) .link").first().click(), "dialog"],
  ["token", "/tokens", (page) => page.getByRole("button", { name: "New token" }).click(), "dialog"],
  ["explained", "/stamps", explain, ".explained"],
];

async function setShare(page, shadow, percent) {
  await page.getByLabel(`share of ${shadow} in percent`).fill(percent);
  await page.keyboard.press("Enter");
}

async function explain(page) {
  await page.getByLabel("Host").fill("shop.example.com");
  await page.getByLabel("Path with query").fill("/api/cart/7");
  await page.getByRole("button", { name: "Explain" }).click();
}

/** What axe finds that is serious or critical, in words. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary?.slice(0, 200)}`).join(" | ")}`);
}

/** By how many pixels the page is wider than the window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
