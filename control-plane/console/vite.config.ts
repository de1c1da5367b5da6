import { defineConfig } from "vitest/config";

import { mock } from "./dev/plugin.ts";

// What is built is committed and compared byte for byte: nothing here may depend on the machine or the moment.
export default defineConfig({
  plugins: [mock()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    // It would be an inline script, which the content security policy forbids.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", strictPort: true },
  preview: { host: "127.0.0.1", strictPort: true },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
