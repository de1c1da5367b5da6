// What takes Envoy, the filter and servers.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import { WIDTHS, axe, overflow, pages } from "./pages.mjs";
import { untilText } from "./people.mjs";

/** How far a sampled share may be from the one asked, in standard deviations of a fair draw. */
const DEVIATIONS = 4.5;
/** From the release of a valve until every server must see it. */
const SECOND_MS = 1_000;
/** How long a share is measured: some 300 requests. */
const MEASURED_MS = 2_500;

export function cases(server, at) {
  const { base, tokens, shadow } = server;

  /** What the servers get from a second after now on, for as long as it takes to measure. */
  async function measured() {
    await pause(SECOND_MS);
    const before = server.received();
    await pause(MEASURED_MS);
    const after = server.received();
    return { production: after.production - before.production, copies: after.shadow - before.shadow };
  }

  return {
    async "the servers follow a dragged valve within a second"() {
      const page = await at.as(tokens.admin);
      // The hand alone is looked at: no step asks for a reason.
      await page.evaluate(() => localStorage.setItem("umbra.reason-step", "100"));
      await page.reload();
      await at.row(page).waitFor();
      for (const percent of [0, 50, 20]) {
        const moved = await at.drag(page, percent);
        const { production, copies } = await measured();
        assert.ok(production > 100, `only ${production} requests to measure by`);
        const asked = moved / 100;
        // A request under way at either end of the time may be seen by one server alone.
        const fair = DEVIATIONS * Math.sqrt(production * asked * (1 - asked)) + (moved === 0 ? 0 : 2);
        const off = Math.abs(copies - production * asked);
        assert.ok(off <= fair, `at ${moved} %, ${copies} of ${production} requests were copied`);
      }
      assert.equal(server.failure(), null);
    },

    async "the verdict turns to go where the field is ignored"() {
      const page = await at.as(tokens.viewer);
      await at.row(page).locator(".board-verdict .mark.good").waitFor({ timeout: 60_000 });
      await page.goto(`${base}/shadows/${shadow}`);
      await page.locator(".verdict-head .mark.good").waitFor();
    },

    async "a valve goes back when its time is over, and the page says when"() {
      const page = await at.as(tokens.admin);
      const before = Number(await at.share(page).inputValue());
      await server.ask("PATCH", `/shadows/${shadow}/valve`, { percent: before + 1, for: "4s", reason: "for a moment" });
      await untilText(at.row(page).locator(".expiry"), `back to ${before} %`);
      await at.followed(page, before + 1);
      await at.followed(page, before);
      await at.row(page).locator(".expiry").waitFor({ state: "detached" });
      await page.goto(`${base}/audit?action=expire`);
      await untilText(page.locator(".audit-line").first(), `${before + 1} % → ${before} %`);
    },

    async "a token is made, lets in, and after it is revoked does not"() {
      const page = await at.as(tokens.admin, "/tokens");
      await page.getByRole("button", { name: "New token" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill("made-here");
      await dialog.getByRole("radio", { name: "operator" }).check();
      await dialog.getByLabel("Which shadows").fill("team=catalogue");
      await dialog.getByRole("button", { name: "Make it" }).click();
      const made = (await dialog.locator("pre, code").first().innerText()).trim();
      assert.match(made, /^umbra_/);
      await dialog.getByRole("button", { name: "I have it" }).click();
      const other = await at.as(made);
      await at.row(other).waitFor();
      assert.ok(await at.share(other).isEnabled());
      await page.getByRole("button", { name: "Revoke made-here" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
      await untilText(page.getByRole("row", { name: /made-here/ }), "revoked");
      await other.reload();
      await other.getByLabel("Token").waitFor();
    },

    async "after a restart the valve still stands, and moves"() {
      const page = await at.as(tokens.admin);
      const before = Number(await at.share(page).inputValue());
      await server.stop();
      await page.locator(".live-sign.lost").waitFor();
      await server.start();
      await page.locator(".live-sign.live").waitFor({ timeout: 30_000 });
      await at.followed(page, before);
      await at.share(page).fill(String(before + 2));
      await page.keyboard.press("Enter");
      await at.followed(page, before + 2);
      assert.equal(server.failure(), null);
      at.forgive();
    },

    async "the audit trail holds"() {
      const page = await at.as(tokens.viewer, "/audit");
      await page.getByRole("button", { name: "Verify" }).click();
      await untilText(page.locator(".page-head .mark.good"), /rows/);
    },

    async "every page has what it shows, at both widths"() {
      for (const width of WIDTHS) {
        for (const [name, path, ready] of pages(shadow)) {
          const page = await at.as(tokens.admin, path, { width });
          await page.locator(ready).first().waitFor();
          assert.deepEqual(await axe(page), [], `${name} at ${width}`);
          assert.ok((await overflow(page)) <= 0, `${name} at ${width} is too wide`);
          await page.context().close();
        }
      }
    },
  };
}
