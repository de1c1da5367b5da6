// `node shots.mjs BASE FOLDER SHADOW [TOKEN]`: a picture of every page and dialog at both widths in both themes. Fails where
// one scrolls sideways, complains, or where axe finds something serious.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { launch, watch } from "./browser.mjs";
import { THEMES, WIDTHS, axe, dialogs, overflow, pages } from "./pages.mjs";

/** Those that scroll within the window, or stand in its middle. */
const WINDOWED = new Set(["nodes", ...dialogs("").map(([name]) => name)]);

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
    const plain = [...pages(shadow), ...signIn].map(([name, path, ready]) => [name, path, async () => {}, ready]);
    for (const [name, path, act, ready] of [...plain, ...dialogs(shadow)]) {
      await page.goto(base + path);
      await act(page);
      await page.waitForSelector(ready, { timeout: 15_000 });
      // Charts are drawn when their figures have come.
      if (name === "shadow") await page.waitForSelector(".u-over, #over-time .waiting", { timeout: 15_000 });
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: !WINDOWED.has(name) });
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
