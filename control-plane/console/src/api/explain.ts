// What a request would get, as `umbractl explain -o json` has it.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type ExplainRequest = Schemas["AskedRequest"];
export type ExplainNode = Schemas["AskedNode"];
export type Explanation = Schemas["Explanation"];
