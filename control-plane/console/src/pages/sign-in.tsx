import { useState } from "preact/hooks";

import { asProblem } from "../api/problem";
import type { Problem } from "../api/problem";
import { navigate, path } from "../app/router";
import { signIn } from "../app/session";
import { Copyable } from "../ui/copy";
import { ProblemText } from "../ui/problem";

export function SignInPage() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    signIn(token.trim())
      .then(() => {
        if (path.value === "/sign-in") navigate("/", true);
      })
      .catch((thrown: unknown) => {
        setProblem(asProblem(thrown));
        setBusy(false);
      });
  };
  return (
    <form class="sign-in panel" onSubmit={submit}>
      <h1>Sign in to Umbra</h1>
      <label class="field">
        <span>Token</span>
        <input
          type="password"
          autoComplete="current-password"
          placeholder="umbra_…"
          required
          value={token}
          aria-invalid={problem !== null}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      {problem !== null && (
        <div role="alert">
          <ProblemText problem={problem} />
        </div>
      )}
      <button type="submit" class="primary" disabled={isBusy || token.trim() === ""}>
        Sign in
      </button>
      <details>
        <summary>Where do I get one?</summary>
        <p>From an admin, on the page Tokens. The first one was printed in the terminal that first started the control plane.</p>
        <p>With the server stopped, its database takes another:</p>
        <Copyable text="umbra token create --role admin --name me" label="the command" />
      </details>
    </form>
  );
}
