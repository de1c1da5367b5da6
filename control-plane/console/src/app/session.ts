// Who looks at the page.
import { signal } from "@preact/signals";

import { session as transport } from "../api/client";
import { asProblem } from "../api/problem";
import type { Problem } from "../api/problem";
import * as api from "../api/routes";
import type { Me } from "../api/types";

export type Session =
  | { state: "loading" }
  | { state: "signed-out" }
  | { state: "signed-in"; me: Me }
  | { state: "failed"; problem: Problem };

export const session = signal<Session>({ state: "loading" });

transport.onUnauthenticated = () => {
  transport.csrf = null;
  session.value = { state: "signed-out" };
};

/** How long to wait for a server that does not answer. */
const AGAIN_MS = 2_000;

/** Asks who this is. */
export async function load(): Promise<void> {
  try {
    enter(await api.me());
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (problem.kind === "unauthenticated") return;
    session.value = { state: "failed", problem };
    // A server that is being restarted is back before anybody would have asked for it.
    if (problem.kind === "unreachable") setTimeout(() => void load(), AGAIN_MS);
  }
}

/** Throws a Problem. */
export async function signIn(token: string): Promise<void> {
  enter(await api.signIn(token));
}

/** Throws a Problem. */
export async function signOut(): Promise<void> {
  await api.signOut();
  transport.onUnauthenticated();
}

function enter(me: Me): void {
  transport.csrf = me.csrf ?? null;
  session.value = { state: "signed-in", me };
}
