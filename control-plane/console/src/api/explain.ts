// What a request would get, as `umbractl explain -o json` has it.

export interface ExplainRequest {
  host: string;
  path: string;
  method: string;
  headers: [string, string][];
  cookies: [string, string][];
}

export interface ExplainNode {
  id: string;
  cluster: string;
  zone: string;
  region: string;
}

export interface Explanation {
  stamps: {
    name: string;
    stamped: boolean;
    clauses: { field: string; matched: boolean; failed?: { field: string; words: string } }[];
  }[];
  shadows: {
    name: string;
    decision: "mirrored" | "sampled" | "skipped" | "not_stamped";
    reason?: string;
    words: string;
    stamps: string[];
    share: { percent: number; enabled: boolean; override?: { field: string; where: Record<string, string> } };
    sampling: { by: string; name?: string; salt: string; key?: string; bucket_percent?: number };
    copies: { role: string; cluster: string; slots: number[] }[];
    max_rps?: number;
  }[];
  headers: { name: string; value: string; when?: string }[];
}
