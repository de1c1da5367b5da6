// What every server can show.
import assert from "node:assert/strict";

import { axe } from "./pages.mjs";
import { untilText } from "./people.mjs";

export function cases(server, at) {
  const { tokens, shadow, field, inScope } = server;
  return {
    async "a wrong token is explained, the right one lets in"() {
      const page = await at.as(null, server.signedOut);
      await page.getByLabel("Token").fill("umbra_wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await untilText(page.getByRole("alert"), /token/);
      await page.getByLabel("Token").fill(tokens.admin);
      await page.getByRole("button", { name: "Sign in" }).click();
      await at.row(page).waitFor();
    },

    async "a dragged valve is followed, here and in a second browser"() {
      const [first, second] = [await at.as(tokens.admin), await at.as(tokens.viewer)];
      await at.row(second).waitFor();
      await at.row(first).waitFor();
      const before = Number(await at.share(first).inputValue());
      const moved = await at.drag(first, before + 5);
      assert.notEqual(moved, before);
      const released = Date.now();
      for (const page of [first, second]) await at.followed(page, moved);
      assert.ok(Date.now() - released < 1_000, `it took ${Date.now() - released} ms`);
      assert.equal(Number(await at.share(second).inputValue()), moved);
    },

    async "a valve is moved by keyboard alone"() {
      const page = await at.as(tokens.admin);
      await at.slider(page).focus();
      const before = Number(await at.slider(page).inputValue());
      for (let steps = 0; steps < 3; steps += 1) await page.keyboard.press("ArrowRight");
      assert.equal(await at.slider(page).getAttribute("aria-valuetext"), `${before + 3} %`);
      await page.keyboard.press("Escape");
      assert.equal(Number(await at.slider(page).inputValue()), before);
      for (let steps = 0; steps < 2; steps += 1) await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Enter");
      await at.followed(page, before - 2);
    },

    async "a large step asks for a reason, which the audit trail has"() {
      const page = await at.as(tokens.admin);
      await at.share(page).fill("60");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Set to 60 %" }).click();
      await untilText(page.getByRole("alert"), "Say why");
      await page.getByRole("dialog").getByRole("textbox").fill("the suite wants it");
      await page.getByRole("button", { name: "Set to 60 %" }).click();
      await at.followed(page, 60);
      await page.getByRole("link", { name: "Audit" }).click();
      const line = page.locator(".audit-line").first();
      await untilText(line, "the suite wants it");
      assert.match(await line.innerText(), /→ 60 %/);
    },

    async "times are in the viewer's zone"() {
      const seen = [];
      for (const timezoneId of ["America/St_Johns", "Asia/Kolkata"]) {
        const page = await at.as(tokens.viewer, "/audit", { timezoneId });
        const time = page.locator(".audit-line time").last();
        const there = new Date(await time.getAttribute("datetime"));
        assert.equal(await time.innerText(), there.toLocaleString("sv-SE", { timeZone: timezoneId }));
        seen.push(await time.innerText());
      }
      assert.notEqual(seen[0], seen[1]);
    },

    async "thinking better of it leaves the valve where it is"() {
      const page = await at.as(tokens.admin);
      const before = await at.share(page).inputValue();
      await at.share(page).fill("100");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      assert.equal(await at.share(page).inputValue(), before);
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), `share of ${shadow} in percent`);
    },

    async "a switch is turned by keyboard alone"() {
      const page = await at.as(tokens.admin);
      await at.toggle(page).focus();
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
      await at.followed(page, 0);
      await at.toggle(page).click();
      await dialog.getByRole("textbox").fill("on again");
      await dialog.getByRole("button", { name: "Switch on" }).click();
      await at.followed(page, 60);
    },

    async "a viewer moves nothing"() {
      const page = await at.as(tokens.viewer);
      await at.row(page).waitFor();
      assert.ok(await at.share(page).isDisabled());
      assert.ok(await at.slider(page).isDisabled());
      assert.ok(await at.toggle(page).isDisabled());
      assert.equal(await at.refused(page), 403);
      assert.equal(await page.getByRole("link", { name: "Tokens" }).count(), 0);
    },

    async "an operator moves what is in scope and nothing else"() {
      const page = await at.as(tokens.operator);
      await at.row(page).waitFor();
      assert.ok(await at.share(page).isDisabled());
      assert.equal(await at.refused(page), 403);
      const before = Number(await at.share(page, inScope).inputValue());
      const wanted = String(before > 50 ? before - 1 : before + 1);
      await at.share(page, inScope).fill(wanted);
      await page.keyboard.press("Enter");
      // Drafts end when the stream tells what the server has now.
      await at.row(page, inScope).locator(".valve.draft").waitFor({ state: "detached" });
      assert.equal(await at.share(page, inScope).inputValue(), wanted);
    },

    async "a pair shows its difference, and ignoring the field turns the verdict"() {
      const page = await at.as(tokens.admin, `/shadows/${shadow}`);
      await untilText(page.locator(".verdict-head"), "no-go");
      await page.getByRole("button", { name: `pairs of ${field}` }).click();
      await page.locator(".bodies tr.counts").first().waitFor();
      await page.locator("#pairs").getByRole("button", { name: `Ignore this field: ${field}` }).click();
      await untilText(page.locator(".text-diff .added"), field);
      await page.getByRole("button", { name: "Apply the change" }).click();
      await untilText(page.locator(".verdict-head"), "not-enough-evidence");
    },

    async "a request is explained"() {
      const page = await at.as(tokens.viewer, "/stamps");
      await page.getByLabel("Path with query").fill(server.request.path);
      await page.getByLabel("Host").fill(server.request.host);
      await page.getByRole("button", { name: "Explain" }).click();
      await page.locator(".explained .mark.good").first().waitFor();
      assert.deepEqual(await axe(page), []);
    },

    async "a server that goes away is missed, and its return is noticed"() {
      const page = await at.as(tokens.admin);
      await at.row(page).waitFor();
      await server.stop();
      await untilText(page.locator(".banner"), "Not live");
      assert.ok(await at.row(page).isVisible());
      assert.deepEqual(await axe(page), []);
      await server.start();
      await page.locator(".live-sign.live").waitFor({ timeout: 30_000 });
      await page.locator(".banner").waitFor({ state: "detached" });
      await untilText(at.row(page).locator(".in-effect"), /on [\d,]+ nodes?/);
      at.forgive();
    },
  };
}
