import { useState } from "preact/hooks";

import { asProblem, mayBeDone } from "../../api/problem";
import type { Problem } from "../../api/problem";
import * as api from "../../api/routes";
import type { Scope, Token } from "../../api/types";
import { Copyable } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { ProblemText } from "../../ui/problem";

type Role = Token["role"];

const ROLES: [Role, string][] = [
  ["viewer", "reads"],
  ["operator", "moves valves and switches"],
  ["admin", "changes everything"],
  ["node", "an Envoy: reads its own policy, reports as itself"],
];
const LIMITS: [string, string][] = [
  ["1d", "a day"],
  ["30d", "30 days"],
  ["90d", "90 days"],
  ["365d", "a year"],
  ["", "never"],
];

const SCOPE = {
  operator: "Which shadows: names, or labels as in team=cart,env!=prod; empty for all",
  node: "Which nodes: ids, or beginnings of ids as in edge-*; empty for all",
};

interface NewTokenProps {
  /** It may have been made, or not. */
  onUnknown: () => void;
  onClose: () => void;
}

/** Makes a token, and shows it once. */
export function NewToken({ onUnknown, onClose }: NewTokenProps) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [scope, setScope] = useState("");
  const [limit, setLimit] = useState("90d");
  const [made, setMade] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const limited = (role === "operator" || role === "node") && scope.trim() !== "";
    api
      .createToken({
        name: name.trim(),
        role,
        ...(limited ? { scope: readScope(role, scope) } : {}),
        ...(limit === "" ? {} : { expires_in: limit }),
      })
      .then(
        ({ token }) => setMade(token),
        (thrown: unknown) => {
          const refused = asProblem(thrown);
          setProblem(refused);
          setBusy(false);
          if (mayBeDone(refused)) onUnknown();
        },
      );
  };
  if (made !== null) {
    return (
      <Dialog title={`The token of ${name}`} onClose={onClose}>
        <p class="warning">Take it now: it is shown this once, and kept nowhere.</p>
        <Copyable text={made} label="the token" />
        <div class="actions">
          <button type="button" class="primary" onClick={onClose}>
            I have it
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" onClose={onClose}>
      <form onSubmit={submit}>
        <label class="field">
          <span>Name: whose it is, as the audit trail will say</span>
          <input type="text" required maxLength={63} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <fieldset class="choices">
          <legend>Role</legend>
          {ROLES.map(([value, words]) => (
            <label key={value}>
              <input type="radio" name="role" checked={role === value} onChange={() => setRole(value)} />
              {value} <span class="small-print">{words}</span>
            </label>
          ))}
        </fieldset>
        {(role === "operator" || role === "node") && (
          <label class="field">
            <span>{SCOPE[role]}</span>
            <input type="text" spellcheck={false} value={scope} onInput={(event) => setScope(event.currentTarget.value)} />
          </label>
        )}
        <label class="field">
          <span>Expires after</span>
          <select value={limit} onChange={(event) => setLimit(event.currentTarget.value)}>
            {LIMITS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {problem !== null && (
          <div role="alert">
            <ProblemText problem={problem} />
            {mayBeDone(problem) && <p>Make it again with the same fields: if it was made, you get that one, and no second.</p>}
          </div>
        )}
        <div class="actions">
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class="primary" disabled={isBusy || name.trim() === ""}>
            Make it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A selector has an equals sign somewhere; names have none. */
function readScope(role: Role, text: string): Scope {
  const names = text.split(/[\s,]+/).filter((name) => name !== "");
  if (role === "node") return { nodes: names };
  return text.includes("=") ? { selector: text.trim() } : { shadows: names };
}
