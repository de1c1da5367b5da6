// Reports, verdicts and pairs as the API's description has them, and the history behind the charts. Shares are of 1,
// latencies in milliseconds; what was not measured, and what is infinite, is null.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Verdict = Schemas["Verdict"];
export type Reason = Schemas["Reason"];
export type Report = Schemas["Report"];
export type EndpointReport = Schemas["EndpointReport"];
export type DifferingField = Schemas["DifferingField"];
export type StatusCount = Schemas["StatusCount"];
export type OutcomeCount = Schemas["OutcomeCount"];
export type Mismatch = Schemas["Mismatch"];
export type Quantiles = Schemas["Quantiles"];
export type Pair = Schemas["Pair"];
export type PairAnswer = Schemas["PairAnswer"];
export type PairBody = Schemas["PairBody"];
export type PairDifference = Schemas["PairDifference"];

export type Percentiles = Schemas["Percentiles"];
export type HistoryPoint = Schemas["Point"];
export type History = Schemas["History"];
