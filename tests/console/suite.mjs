// `node suite.mjs ./mock-server.mjs`: what operators do, in a real browser. The server is a module that starts and stops
// one, and says where it is and by which tokens.
import assert from "node:assert/strict";

import { launch, watch } from "./browser.mjs";
import { axe } from "./pages.mjs";

const server = await import(process.argv[2]);
const { base, tokens, shadow, field, inScope } = server;

/** Far more than anything takes, so that only what hangs runs into it. */
const PATIENCE = 15_000;

const browser = await launch();
const complaints = [];

/** A browser of its own, signed in with this token. */
async function as(token, path = "/") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  context.setDefaultTimeout(PATIENCE);
  if (token !== null) {
    const answer = await context.request.post(`${base}/api/v1/session`, { data: { token }, headers: { origin: base } });
    assert.equal(answer.status(), 200);
  }
  const page = await context.newPage();
  const heard = watch(page, base);
  complaints.push(heard);
  await page.goto(base + path);
  return page;
}

const row = (page, name = shadow) => page.locator(`[data-shadow="${name}"]`);
const share = (page, name = shadow) => page.getByLabel(`share of ${name} in percent`);
const inEffect = (page, name = shadow) => row(page, name).locator(".in-effect strong");

/** Lets go of the slider's thumb at this share. */
async function drag(page, percent) {
  const slider = page.getByLabel(`valve of ${shadow}`);
  const box = await slider.boundingBox();
  const thumb = 16;
  const at = (value) => box.x + thumb / 2 + ((box.width - thumb) * value) / 100;
  await page.mouse.move(at(Number(await slider.inputValue())), box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(at(percent), box.y + box.height / 2, { steps: 8 });
  const moved = Number(await slider.inputValue());
  await page.mouse.up();
  return moved;
}

async function untilText(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

const cases = {
  async "a wrong token is explained, the right one lets in"() {
    const page = await as(null, server.signedOut);
    await page.getByLabel("Token").fill("umbra_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await untilText(page.getByRole("alert"), "no such token");
    await page.getByLabel("Token").fill(tokens.admin);
    await page.getByRole("button", { name: "Sign in" }).click();
    await row(page).waitFor();
  },

  async "a dragged valve is followed, here and in a second browser"() {
    const [first, second] = [await as(tokens.admin), await as(tokens.viewer)];
    await row(second).waitFor();
    await row(first).waitFor();
    const before = Number(await share(first).inputValue());
    const moved = await drag(first, before + 5);
    assert.notEqual(moved, before);
    const released = Date.now();
    for (const page of [first, second]) {
      await page.waitForFunction(
        ([name, wanted]) => document.querySelector(`[data-shadow="${name}"] .in-effect strong`)?.textContent === wanted,
        [shadow, `${moved} %`],
        { polling: 20 },
      );
    }
    assert.ok(Date.now() - released < 1_000, `it took ${Date.now() - released} ms`);
    assert.equal(Number(await share(second).inputValue()), moved);
  },

  async "a large step asks for a reason, which the audit trail has"() {
    const page = await as(tokens.admin);
    await share(page).fill("60");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Set to 60 %" }).click();
    await untilText(page.getByRole("alert"), "Say why");
    await page.getByRole("dialog").getByRole("textbox").fill("the suite wants it");
    await page.getByRole("button", { name: "Set to 60 %" }).click();
    await untilText(inEffect(page), "60 %");
    await page.getByRole("link", { name: "Audit" }).click();
    const line = page.locator(".audit-line").first();
    await untilText(line, "the suite wants it");
    assert.match(await line.innerText(), /→ 60 %/);
  },

  async "thinking better of it leaves the valve where it is"() {
    const page = await as(tokens.admin);
    const before = await share(page).inputValue();
    await share(page).fill("100");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await share(page).inputValue(), before);
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), `share of ${shadow} in percent`);
  },

  async "a switch is turned by keyboard alone"() {
    const page = await as(tokens.admin);
    await page.getByRole("switch", { name: `switch of ${shadow}` }).focus();
    await page.keyboard.press("Space");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("by keyboard");
    for (let tabs = 0; tabs < 8; tabs += 1) {
      await page.keyboard.press("Tab");
      const inside = await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog").contains(document.activeElement));
      assert.ok(inside, "the focus left the dialog");
    }
    await dialog.getByRole("button", { name: "Switch off" }).focus();
    await page.keyboard.press("Enter");
    await untilText(inEffect(page), /^0 %$/);
    await page.getByRole("switch", { name: `switch of ${shadow}` }).click();
    await dialog.getByRole("textbox").fill("on again");
    await dialog.getByRole("button", { name: "Switch on" }).click();
    await untilText(inEffect(page), "60 %");
  },

  async "a viewer moves nothing"() {
    const page = await as(tokens.viewer);
    await row(page).waitFor();
    assert.ok(await share(page).isDisabled());
    assert.ok(await page.getByRole("switch", { name: `switch of ${shadow}` }).isDisabled());
    assert.equal(await refused(page, shadow), 403);
    assert.equal(await page.getByRole("link", { name: "Tokens" }).count(), 0);
  },

  async "an operator moves what is in scope and nothing else"() {
    const page = await as(tokens.operator);
    await row(page).waitFor();
    assert.ok(await share(page).isDisabled());
    assert.equal(await refused(page, shadow), 403);
    assert.ok(await share(page, inScope).isEnabled());
  },

  async "a pair shows its difference, and ignoring the field turns the verdict"() {
    const page = await as(tokens.admin, `/shadows/${shadow}`);
    await untilText(page.locator(".verdict-head"), "no-go");
    await page.getByRole("button", { name: `pairs of ${field}` }).click();
    await page.locator(".bodies tr.counts").first().waitFor();
    await page.locator("#pairs").getByRole("button", { name: `Ignore this field: ${field}` }).click();
    await untilText(page.locator(".text-diff .added"), field);
    await page.getByRole("button", { name: "Apply the change" }).click();
    await untilText(page.locator(".verdict-head"), "not-enough-evidence");
  },

  async "a request is explained"() {
    const page = await as(tokens.viewer, "/stamps");
    await page.getByLabel("Path with query").fill(server.request.path);
    await page.getByLabel("Host").fill(server.request.host);
    await page.getByRole("button", { name: "Explain" }).click();
    await page.locator(".explained .mark.good").first().waitFor();
    assert.deepEqual(await axe(page), []);
  },

  async "many nodes scroll smoothly"() {
    const page = await as(tokens.viewer, "/nodes");
    await page.locator(".node-row:not(.head)").first().waitFor();
    const { frames, median, drawn } = await page.evaluate(async () => {
      const box = document.querySelector(".virtual");
      const times = [];
      let drawn = 0;
      let last = performance.now();
      for (let step = 0; step < 90; step += 1) {
        box.scrollTop += 220;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        times.push(now - last);
        last = now;
        drawn = Math.max(drawn, document.querySelectorAll(".node-row").length);
      }
      times.sort((a, b) => a - b);
      return { frames: times.length, median: times[times.length >> 1], drawn };
    });
    assert.equal(frames, 90);
    assert.ok(median < 50, `a frame takes ${median} ms`);
    assert.ok(drawn < 120, `${drawn} rows are drawn`);
  },

  async "a server that goes away is missed, and its return is noticed"() {
    const page = await as(tokens.admin);
    await row(page).waitFor();
    await server.stop();
    await untilText(page.locator(".banner"), "Not live");
    assert.ok(await row(page).isVisible());
    assert.deepEqual(await axe(page), []);
    await server.start();
    await page.locator(".live-sign.live").waitFor({ timeout: 30_000 });
    await page.locator(".banner").waitFor({ state: "detached" });
    complaints.pop();
  },
};

/** The status by which the API answers a change that the page does not offer. */
function refused(page, name) {
  return page.evaluate(async (of) => {
    const me = await (await fetch("/api/v1/me")).json();
    const answer = await fetch(`/api/v1/shadows/${of}/valve`, {
      method: "PATCH",
      headers: { "content-type": "application/json", ...(me.csrf === null ? {} : { "x-umbra-csrf": me.csrf }) },
      body: '{"percent": 1}',
    });
    return answer.status;
  }, name);
}

await server.start();
let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  const began = Date.now();
  try {
    await run();
    process.stdout.write(`ok    ${name} (${Date.now() - began} ms)\n`);
  } catch (error) {
    failed += 1;
    process.stdout.write(`wrong ${name}\n${error.stack}\n`);
  }
  await Promise.all(browser.contexts().map((context) => context.close()));
}
const heard = [...new Set(complaints.flat())];
if (heard.length > 0) process.stdout.write(`the pages complained:\n${heard.join("\n")}\n`);
await browser.close();
await server.close();
process.exit(failed > 0 || heard.length > 0 ? 1 : 0);
