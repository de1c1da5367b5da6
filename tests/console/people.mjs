// People at browsers: who they are, what they look at, and what they do.
import assert from "node:assert/strict";

import { launch, watch } from "./browser.mjs";

/** Far more than anything takes, so that only what hangs runs into it. */
const PATIENCE = 15_000;

/** Browsers in front of this server. */
export async function people({ base, shadow }) {
  const browser = await launch();
  const complaints = [];

  /** A browser of its own, signed in with this token, in its own zone. */
  async function as(token, path = "/", { width = 1280, timezoneId = "Europe/Berlin" } = {}) {
    const context = await browser.newContext({ viewport: { width, height: 860 }, timezoneId });
    context.setDefaultTimeout(PATIENCE);
    if (token !== null) {
      const answer = await context.request.post(`${base}/api/v1/session`, { data: { token }, headers: { origin: base } });
      assert.equal(answer.status(), 200);
    }
    const page = await context.newPage();
    complaints.push(watch(page, base));
    await page.goto(base + path);
    return page;
  }

  const row = (page, name = shadow) => page.locator(`[data-shadow="${name}"]`);
  const slider = (page, name = shadow) => page.getByLabel(`valve of ${name}`);
  return {
    as,
    row,
    slider,
    toggle: (page, name = shadow) => page.getByRole("switch", { name: `switch of ${name}` }),
    share: (page, name = shadow) => page.getByLabel(`share of ${name} in percent`),
    inEffect: (page, name = shadow) => row(page, name).locator(".in-effect strong"),
    drag: (page, percent) => drag(page, slider(page), percent),
    refused: (page, name = shadow) => refused(page, name),

    /** Until the page says that the nodes follow this share. */
    followed: (page, percent, name = shadow) =>
      page.waitForFunction(
        ([of, wanted]) => document.querySelector(`[data-shadow="${of}"] .in-effect strong`)?.textContent === wanted,
        [name, `${percent} %`],
        { polling: 20 },
      ),

    /** What the pages complained of. */
    complaints: () => [...new Set(complaints.flat())],
    /** Forgets that the newest page did not reach its server. */
    forgive() {
      const heard = complaints.pop().filter((words) => !words.includes("net::ERR_"));
      complaints.push(heard);
    },
    leave: () => Promise.all(browser.contexts().map((context) => context.close())),
    close: () => browser.close(),
  };
}

/** Until one of these says so. */
export function untilText(locator, text) {
  return locator.filter({ hasText: text }).first().waitFor();
}

/** Lets go of a slider's thumb at this share, or as near as a pixel comes; gives the share. */
async function drag(page, slider, percent) {
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
