import { useState } from "preact/hooks";

import { asProblem, mayBeDone } from "../api/problem";
import * as api from "../api/routes";
import type { Token } from "../api/types";
import { useLoad } from "../app/load";
import { complain, say } from "../app/notices";
import { now } from "../app/clock";
import { scopeWords } from "../model/access";
import { Dialog } from "../ui/dialog";
import { NotRead, Waiting } from "../ui/problem";
import { Time } from "../ui/time";
import { NewToken } from "./tokens/new";

export function TokensPage() {
  const loaded = useLoad("tokens", () => api.tokens());
  const [isMaking, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<Token | null>(null);
  const items = loaded.value?.items ?? [];
  const revoke = (token: Token): void => {
    api
      .revokeToken(token.id)
      .then(
        () => say(`${token.name} is revoked`),
        (thrown: unknown) => {
          const problem = asProblem(thrown);
          complain(mayBeDone(problem) ? `It is not known whether ${token.name} was revoked` : `${token.name} was not revoked`, problem);
        },
      )
      .finally(() => {
        setLeaving(null);
        loaded.again();
      });
  };
  return (
    <>
      <header class="page-head">
        <h1>Tokens</h1>
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          New token
        </button>
      </header>
      <p class="small-print">
        A viewer reads; an operator moves the valves and switches in its scope; an admin changes resources, tokens and settings.
      </p>
      <NotRead loaded={loaded} />
      {loaded.isLoading && <Waiting what="the tokens" />}
      {loaded.value !== null && items.length === 0 && (
        <p class="waiting">There is no token yet. Make one for each person and each program, so that the audit trail can tell them apart.</p>
      )}
      {items.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Tokens">
          <table class="tokens stacks">
            <thead>
              <tr>
                {["name", "role", "scope", "made", "expires", "last used"].map((title) => (
                  <th key={title} scope="col">
                    {title}
                  </th>
                ))}
                <th scope="col">
                  <span class="sr-only">what can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((token) => (
                <TokenRow key={token.id} token={token} onRevoke={() => setLeaving(token)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {isMaking && (
        <NewToken
          onUnknown={loaded.again}
          onClose={() => {
            setMaking(false);
            loaded.again();
          }}
        />
      )}
      {leaving !== null && (
        <Dialog title={`Revoke ${leaving.name}`} onClose={() => setLeaving(null)}>
          <p class="warning">Whoever uses it is refused from now on. It cannot be taken back.</p>
          <div class="actions">
            <button type="button" onClick={() => setLeaving(null)}>
              Leave it
            </button>
            <button type="button" class="danger" onClick={() => revoke(leaving)}>
              Revoke
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function TokenRow({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  const { expires_at: expires, last_used_at: used, revoked_at: revoked } = token;
  const isOver = Boolean(revoked) || (expires ? Date.parse(expires) < now.value : false);
  return (
    <tr class={isOver ? "over" : ""}>
      <th scope="row">{token.name}</th>
      <td data-of="role">{token.role}</td>
      <td data-of="scope">{token.role === "operator" || token.role === "node" ? scopeWords(token.scope) : ""}</td>
      <td data-of="made">
        <Time at={token.created_at} /> by {token.created_by}
      </td>
      <td data-of="expires">{expires ? <Time at={expires} /> : "never"}</td>
      <td data-of="last used">{used ? <Time at={used} /> : "never"}</td>
      <td>
        {revoked ? (
          <>
            revoked <Time at={revoked} />
          </>
        ) : (
          <button type="button" class="small" aria-label={`Revoke ${token.name}`} onClick={onRevoke}>
            Revoke
          </button>
        )}
      </td>
    </tr>
  );
}
