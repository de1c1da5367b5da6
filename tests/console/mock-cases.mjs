// What takes a mesh of thousands.
import assert from "node:assert/strict";

export function cases({ tokens }, at) {
  return {
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
