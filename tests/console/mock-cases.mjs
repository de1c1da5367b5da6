// What takes a mesh of thousands, or a control plane without anybody else in front of it.
import assert from "node:assert/strict";

import { axe } from "./pages.mjs";
import { untilText } from "./people.mjs";

/** At 5 %. */
const SMALL = "search-reranker";
/** Its valve goes back to 10 % by itself. */
const LIMITED = "prices-in-rust";

export function cases(server, at) {
  const { base, tokens, shadow } = server;

  /** What somebody else does, of whom the page knows nothing but what the stream tells it. */
  async function meanwhile(page, name, change) {
    const answer = await page.context().request.patch(`${base}/api/v1/shadows/${name}/valve`, { data: change });
    assert.equal(answer.status(), 200);
  }

  return {
    async "what somebody else moved meanwhile is shown before it is written over"() {
      const page = await at.as(tokens.admin);
      const dialog = page.getByRole("dialog");
      await at.share(page, SMALL).fill("50");
      await page.keyboard.press("Enter");
      await dialog.getByRole("textbox").fill("more evidence");
      await meanwhile(page, SMALL, { percent: 0 });
      await dialog.getByRole("button", { name: "Set to 50 %" }).click();
      await untilText(dialog.locator(".warning"), "is at 0 % now");
      assert.match(await dialog.locator(".from-to").innerText(), /^0 %/);
      await at.followed(page, 0, SMALL);
      assert.equal(await dialog.getByRole("textbox").inputValue(), "more evidence");
      await dialog.getByRole("button", { name: "Set to 50 %" }).click();
      await at.followed(page, 50, SMALL);
    },

    async "a stop is done, whatever somebody else moved meanwhile"() {
      const page = await at.as(tokens.admin);
      const dialog = page.getByRole("dialog");
      await at.toggle(page, SMALL).click();
      await dialog.getByRole("textbox").fill("it burns");
      await meanwhile(page, SMALL, { percent: 60 });
      await dialog.getByRole("button", { name: "Switch off" }).click();
      await dialog.waitFor({ state: "detached" });
      await at.followed(page, 0, SMALL);
      assert.equal(await at.share(page, SMALL).inputValue(), "60");
    },

    async "a switch for a limited time leaves the valve's own limit alone"() {
      const page = await at.as(tokens.admin);
      const dialog = page.getByRole("dialog");
      await untilText(at.row(page, LIMITED).locator(".expiry"), "back to 10 %");
      await at.toggle(page, LIMITED).click();
      await dialog.getByRole("textbox").fill("a look");
      await dialog.getByLabel("How long").selectOption("8h");
      const asked = page.waitForRequest((request) => request.method() === "PATCH");
      await dialog.getByRole("button", { name: "Switch off" }).click();
      assert.deepEqual((await asked).postDataJSON(), { enabled: false, reason: "a look", for: "8h" });
      await at.followed(page, 0, LIMITED);
      await untilText(at.row(page, LIMITED).locator(".expiry"), "back to 10 %");
    },

    async "a step that nobody answers is given up, and where the shadow stands is read anew"() {
      const page = await at.as(tokens.admin);
      const words = page.getByRole("alert");
      await page.clock.install();
      await page.reload();
      const before = Number(await at.share(page).inputValue());
      // From here on time passes as it is told to.
      await page.clock.pauseAt(Date.now() + 1_000);
      const held = [];
      await page.route("**/valve", (route) => held.push(route));
      await page.route("**/api/v1/events*", (route) => route.abort());
      const asked = page.waitForRequest((request) => request.method() === "PATCH");
      await at.share(page).fill(String(before - 1));
      await page.keyboard.press("Enter");
      await asked;
      await page.clock.runFor(33_000);
      await page.locator(".live-sign.lost").waitFor();
      assert.equal(await words.filter({ hasText: "not known" }).count(), 0);
      // It is done all the same, and the page does not hear of it.
      await held[0].fetch();
      await page.clock.runFor(3_000);
      await untilText(words, `It is not known whether ${shadow} was moved`);
      await untilText(words, "whether the change was made is not known");
      await untilText(page.getByRole("status"), `${shadow} is at ${before - 1} % now`);
      await at.row(page).locator(".valve.draft").waitFor({ state: "detached" });
      assert.equal(await at.share(page).inputValue(), String(before - 1));
      await page.clock.resume();
      assert.deepEqual(await axe(page), []);
      at.forgive();
    },

    async "a token whose answer was lost is made once"() {
      const page = await at.as(tokens.admin, "/tokens");
      const dialog = page.getByRole("dialog");
      const rows = (name) => page.getByRole("rowheader", { name, exact: true });
      const make = async (name) => {
        await page.getByRole("button", { name: "New token" }).click();
        await dialog.getByLabel("Name").fill(name);
        await dialog.getByRole("button", { name: "Make it" }).click();
      };
      await page.route("**/api/v1/tokens", async (route) => {
        if (route.request().method() !== "POST") return route.continue();
        await route.fetch();
        return route.abort();
      });
      await make("lost");
      await untilText(dialog.getByRole("alert"), "whether the change was made is not known");
      assert.deepEqual(await axe(page), []);
      // The list behind it says so.
      await page.locator("tbody th").filter({ hasText: "lost" }).waitFor();
      await page.unrouteAll();
      // Closed and begun anew, it is still the very same.
      await dialog.getByRole("button", { name: "Leave it" }).click();
      await make("lost");
      await dialog.getByRole("button", { name: "I have it" }).click();
      await make("lost");
      await dialog.getByRole("button", { name: "I have it" }).click();
      // What was answered, and is asked once more, is another.
      await rows("lost").nth(1).waitFor();
      assert.equal(await rows("lost").count(), 2);
      at.forgive();
    },

    async "a trail that was missed for a while is read anew"() {
      const page = await at.as(tokens.admin, "/audit");
      await meanwhile(page, SMALL, { percent: 1, reason: "it is soon forgotten" });
      const line = page.locator(".audit-line").filter({ hasText: "it is soon forgotten" });
      await line.waitFor();
      // What is made up is made up anew.
      await server.stop();
      await page.locator(".live-sign.lost").waitFor();
      await server.start();
      await line.waitFor({ state: "detached" });
      at.forgive();
    },

    async "evidence that is not read anew says so, and of when it is"() {
      const page = await at.as(tokens.admin, `/shadows/${server.shadow}`);
      const stale = page.locator("main .warning").filter({ hasText: "What you see is of" });
      const look = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await page.locator("#outcomes").waitFor();
      await page.locator(".gates").waitFor();
      await page.locator(".charts").waitFor();
      await page.route(/\/(verdict|report|history)(\?|$)/, (route) => route.abort());
      await look();
      await stale.nth(2).waitFor();
      assert.ok(await page.locator(".gates").isVisible());
      assert.deepEqual(await axe(page), []);
      await page.unrouteAll();
      await look();
      await stale.first().waitFor({ state: "detached" });
      at.forgive();
    },

    async "a token is made and taken along over plain HTTP"() {
      const page = await at.as(tokens.admin);
      // As browsers have it on pages that are neither over HTTPS nor of this machine.
      await page.addInitScript(() => {
        delete Crypto.prototype.randomUUID;
        delete Navigator.prototype.clipboard;
      });
      await page.goto(`${base}/tokens`);
      await page.getByRole("button", { name: "New token" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill("plain");
      await dialog.getByRole("button", { name: "Make it" }).click();
      await dialog.getByRole("button", { name: "Copy the token" }).click();
      await untilText(dialog.getByRole("status"), "The text is selected");
      assert.equal(await page.evaluate(() => String(getSelection())), await dialog.locator("code").innerText());
      assert.deepEqual(await axe(page), []);
    },

    async "what was begun ends with the session"() {
      const path = `/shadows/${server.shadow}?mock=signed-out`;
      const page = await at.as(tokens.admin, path);
      const dialog = page.getByRole("dialog");
      const begin = [
        () => at.share(page).fill("100").then(() => page.keyboard.press("Enter")),
        () => page.locator(".fields .proposals button").first().click(),
      ];
      for (const open of begin) {
        await page.locator("#outcomes").waitFor();
        await open();
        await dialog.waitFor();
        await page.context().clearCookies();
        await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
        await page.getByLabel("Token").fill(tokens.admin);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.locator("#outcomes").waitFor();
        assert.equal(await dialog.count(), 0);
      }
    },

    async "a review ends with the page of its shadow"() {
      const page = await at.as(tokens.admin);
      await page.getByRole("link", { name: server.shadow }).first().click();
      await page.locator(".fields .proposals button").first().click();
      await page.getByRole("dialog").waitFor();
      await page.goBack();
      await page.getByRole("link", { name: SMALL }).first().click();
      await page.locator("#outcomes").waitFor();
      assert.equal(await page.getByRole("dialog").count(), 0);
    },

    async "many nodes scroll smoothly"() {
      const page = await at.as(tokens.viewer, "/nodes");
      await page.locator(".node-row:not(.head)").first().waitFor();
      const { frames, median, drawn } = await page.evaluate(async () => {
        const box = document.querySelector(".virtual");
        const times = [];
        let most = 0;
        let last = performance.now();
        for (let step = 0; step < 90; step += 1) {
          box.scrollTop += 220;
          await new Promise((resolve) => requestAnimationFrame(resolve));
          const now = performance.now();
          times.push(now - last);
          last = now;
          most = Math.max(most, document.querySelectorAll(".node-row").length);
        }
        times.sort((a, b) => a - b);
        return { frames: times.length, median: times[times.length >> 1], drawn: most };
      });
      assert.equal(frames, 90);
      assert.ok(median < 50, `a frame takes ${median} ms`);
      assert.ok(drawn < 120, `${drawn} rows are drawn`);
    },
  };
}
