// A made-up control plane behind `npm run dev` and `npm run preview`: to look at the console without a mesh.
import type { Plugin } from "vite";

import { answer } from "./routes.ts";

/** What the server sends with every page: what works here must work there. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export function mock(): Plugin {
  return {
    name: "umbra-mock",
    configureServer: ({ middlewares }) => void middlewares.use(answer),
    configurePreviewServer: ({ middlewares }) => {
      middlewares.use((_request, response, next) => {
        response.setHeader("content-security-policy", CSP);
        next();
      });
      middlewares.use(answer);
    },
  };
}
