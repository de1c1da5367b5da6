import { useState } from "preact/hooks";

import { asProblem, mayBeDone } from "../api/problem";
import type { Me } from "../api/types";
import { line } from "../live/connection";
import { has, scopeWords } from "../model/access";
import { Dialog } from "../ui/dialog";
import { complain } from "./notices";
import { path } from "./router";
import { signOut } from "./session";
import { reasonStep, theme } from "./settings";
import type { Theme } from "./settings";

const PAGES: [string, string][] = [
  ["/", "Board"],
  ["/nodes", "Nodes"],
  ["/stamps", "Stamps"],
  ["/audit", "Audit"],
  ["/tokens", "Tokens"],
];

export function Header({ me }: { me: Me }) {
  const [isOpen, setOpen] = useState(false);
  const at = path.value.startsWith("/shadows/") ? "/" : path.value;
  const shown = PAGES.filter(([to]) => to !== "/tokens" || has(me, "admin"));
  return (
    <header class="top">
      <a class="brand" href="/">
        <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
          <circle class="penumbra" cx="20" cy="16" r="10" />
          <circle class="umbra" cx="12" cy="16" r="10" />
        </svg>
        Umbra
      </a>
      <nav aria-label="Pages">
        <ul>
          {shown.map(([to, title]) => (
            <li key={to}>
              <a href={to} aria-current={at === to ? "page" : undefined}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <LiveSign />
      <button type="button" class="who" onClick={() => setOpen(true)} aria-haspopup="dialog">
        <span class="who-name">{me.name}</span> <span class="role">{me.role}</span>
      </button>
      {isOpen && <Settings me={me} onClose={() => setOpen(false)} />}
    </header>
  );
}

const LINE = { connecting: "connecting", live: "live", lost: "not live" };

function LiveSign() {
  const { state } = line.value;
  return (
    <span class={`live-sign ${state}`} title="Whether this page hears of changes as they happen">
      <span class="dot" aria-hidden="true" />
      {LINE[state]}
    </span>
  );
}

const THEMES: [Theme, string][] = [
  ["system", "as the system has it"],
  ["light", "light"],
  ["dark", "dark"],
];

function Settings({ me, onClose }: { me: Me; onClose: () => void }) {
  const leave = (): void => {
    onClose();
    signOut().catch((thrown: unknown) => {
      const problem = asProblem(thrown);
      complain(mayBeDone(problem) ? "It is not known whether you are signed out" : "Not signed out", problem);
    });
  };
  return (
    <Dialog title="You and this page" onClose={onClose}>
      <dl class="facts">
        <dt>Name</dt>
        <dd>{me.name}</dd>
        <dt>Role</dt>
        <dd>{me.role}</dd>
        <dt>May move</dt>
        <dd>{has(me, "operator") ? scopeWords(me.scope) : "nothing"}</dd>
        {me.via === "dev" && (
          <>
            <dt>Signed in</dt>
            <dd>this server runs with --dev and asks nobody</dd>
          </>
        )}
      </dl>
      <fieldset class="choices">
        <legend>Colours</legend>
        {THEMES.map(([value, words]) => (
          <label key={value}>
            <input type="radio" name="theme" checked={theme.value === value} onChange={() => (theme.value = value)} />
            {words}
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>Ask for a reason from a step of … points on</span>
        <input
          type="number"
          min="0"
          max="100"
          value={reasonStep.value}
          onChange={(event) => {
            const points = event.currentTarget.valueAsNumber;
            if (points >= 0 && points <= 100) reasonStep.value = points;
          }}
        />
      </label>
      <div class="actions">
        {me.via !== "dev" && (
          <button type="button" onClick={leave}>
            Sign out
          </button>
        )}
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
