// `node shots.mjs BASE FOLDER SHADOW [TOKEN]`: a picture of every page at both widths in both themes. Fails where a page
// scrolls sideways, complains, or where axe finds something serious.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { launch, watch } from "./browser.mjs";
import { THEMES, WIDTHS, axe, overflow, pages } from "./pages.mjs";

const [base, folder, shadow, token] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await launch();
const wrong = [];
for (const colorScheme of THEMES) {
  for (const width of WIDTHS) {
    const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 860 }, colorScheme });
    if (token) await context.request.post(`${base}/api/v1/session`, { data: { token }, headers: { origin: base } });
    const page = await context.newPage();
    const complaints = watch(page, base);
    const signIn = token ? [] : [["sign-in", "/?mock=signed-out", ".sign-in"], ["empty", "/?mock=empty", ".empty"]];
    for (const [name, path, ready] of [...pages(shadow), ...signIn]) {
      await page.goto(base + path);
      await page.waitForSelector(ready, { timeout: 15_000 });
      // Charts are drawn when their figures have come.
      if (name === "shadow") await page.waitForSelector(".u-over, #over-time .waiting", { timeout: 15_000 });
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: name !== "nodes" });
      const wider = await overflow(page);
      if (wider > 0) wrong.push(`${name} at ${width}: ${wider} pixels too wide`);
      for (const found of await axe(page)) wrong.push(`${name} at ${width}, ${colorScheme}: ${found}`);
    }
    wrong.push(...complaints);
    await context.close();
  }
}
await browser.close();
if (wrong.length > 0) {
  process.stderr.write(`${[...new Set(wrong)].join("\n")}\n`);
  process.exit(1);
}
