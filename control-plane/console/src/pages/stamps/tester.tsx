import { useState } from "preact/hooks";

import type { Explanation } from "../../api/explain";
import { asProblem } from "../../api/problem";
import type { Problem } from "../../api/problem";
import * as api from "../../api/routes";
import { cookieLines, headerLines } from "../../model/typed";
import { ProblemText } from "../../ui/problem";
import { Explained } from "./explained";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const NODE_FIELDS = ["id", "cluster", "zone", "region"] as const;
const NO_NODE = { id: "", cluster: "", zone: "", region: "" };

/** Type a request, and see what would come of it. Nothing is sent anywhere but to the control plane. */
export function Tester() {
  const [method, setMethod] = useState("GET");
  const [host, setHost] = useState("");
  const [path, setPath] = useState("/");
  const [headers, setHeaders] = useState("");
  const [cookies, setCookies] = useState("");
  const [node, setNode] = useState(NO_NODE);
  const [answer, setAnswer] = useState<Explanation | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [readHeaders, readCookies] = [headerLines(headers), cookieLines(cookies)];
  const wrong = typeof readHeaders === "string" ? readHeaders : typeof readCookies === "string" ? readCookies : null;

  const submit = (event: Event): void => {
    event.preventDefault();
    if (typeof readHeaders === "string" || typeof readCookies === "string") return;
    const hasNode = NODE_FIELDS.some((name) => node[name] !== "");
    const request = { method, host, path, headers: readHeaders, cookies: readCookies };
    api.explain(request, hasNode ? node : null).then(
      (explanation) => {
        setAnswer(explanation);
        setProblem(null);
      },
      (thrown: unknown) => {
        setAnswer(null);
        setProblem(asProblem(thrown));
      },
    );
  };
  return (
    <section class="panel tester" aria-labelledby="tester-title">
      <h2 id="tester-title">Try a request</h2>
      <form onSubmit={submit}>
        <div class="request-line">
          <label class="field">
            <span>Method</span>
            <select value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
              {METHODS.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>Host</span>
            <input type="text" spellcheck={false} placeholder="shop.example.com" value={host} onInput={(event) => setHost(event.currentTarget.value)} />
          </label>
          <label class="field path">
            <span>Path with query</span>
            <input type="text" spellcheck={false} value={path} required onInput={(event) => setPath(event.currentTarget.value)} />
          </label>
        </div>
        <div class="request-rest">
          <label class="field">
            <span>Headers, one a line</span>
            <textarea rows={3} spellcheck={false} placeholder="x-tenant: acme" value={headers} onInput={(event) => setHeaders(event.currentTarget.value)} />
          </label>
          <label class="field">
            <span>Cookies</span>
            <textarea rows={3} spellcheck={false} placeholder="session=abc; beta=1" value={cookies} onInput={(event) => setCookies(event.currentTarget.value)} />
          </label>
        </div>
        <details>
          <summary>On which node (overrides differ by node)</summary>
          <div class="request-rest four">
            {NODE_FIELDS.map((name) => (
              <label class="field" key={name}>
                <span>{name}</span>
                <input type="text" spellcheck={false} value={node[name]} onInput={(event) => setNode({ ...node, [name]: event.currentTarget.value })} />
              </label>
            ))}
          </div>
        </details>
        {wrong !== null && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <div class="actions">
          <button type="submit" class="primary" disabled={wrong !== null}>
            Explain
          </button>
        </div>
      </form>
      <div role="status">
        {problem !== null && <ProblemText problem={problem} />}
        {answer !== null && <Explained answer={answer} />}
      </div>
    </section>
  );
}
