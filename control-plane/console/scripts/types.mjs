// The API's types, from the reviewed description of it, so that the console cannot drift from the server. They are made
// anew for every type check, and not kept.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const golden = new URL("../../tests/it/snapshots/it__openapi__openapi.snap", import.meta.url);

// The snapshot's own head stands between two lines of dashes.
const description = readFileSync(golden, "utf8").split(/^---$/m).slice(2).join("---");
const types = astToString(await openapiTS(JSON.parse(description), { defaultNonNullable: false }));
writeFileSync(new URL("../src/api/schema.ts", import.meta.url), types);
