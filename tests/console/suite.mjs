// `node suite.mjs mock|stack`: what operators do, in a real browser. `NAME-server.mjs` starts and stops a server, and says
// where it is and by which tokens; `NAME-cases.mjs` has what only that one can show. Words after it choose cases.
import * as common from "./cases.mjs";
import { people } from "./people.mjs";

const [name, ...words] = process.argv.slice(2);
const server = await import(`./${name}-server.mjs`);
const own = await import(`./${name}-cases.mjs`);

let at = null;
let failed = 0;
let heard = [];
try {
  await server.start();
  at = await people(server);
  const cases = Object.entries({ ...common.cases(server, at), ...own.cases(server, at) });
  for (const [title, run] of cases.filter(([title]) => words.every((word) => title.includes(word)))) {
    const began = Date.now();
    try {
      await run();
      process.stdout.write(`ok    ${title} (${Date.now() - began} ms)\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`wrong ${title} (${Date.now() - began} ms)\n${error.stack}\n`);
    }
    await at.leave();
  }
  heard = at.complaints();
  if (heard.length > 0) process.stdout.write(`the pages complained:\n${heard.join("\n")}\n`);
} finally {
  await at?.close();
  await server.close();
}
process.exit(failed > 0 || heard.length > 0 ? 1 : 0);
