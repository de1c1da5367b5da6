import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Me } from "../api/types";
import { start, stop } from "../live/connection";
import { has } from "../model/access";
import { AuditPage } from "../pages/audit";
import { BoardPage } from "../pages/board";
import { NodesPage } from "../pages/nodes";
import { ShadowPage } from "../pages/shadow";
import { SignInPage } from "../pages/sign-in";
import { StampsPage } from "../pages/stamps";
import { TokensPage } from "../pages/tokens";
import { AskForStep } from "../ui/ask";
import { Empty } from "../ui/empty";
import { LineBanner } from "../ui/line-banner";
import { Notices } from "../ui/notices";
import { Failed, Waiting } from "../ui/problem";
import { Header } from "./header";
import { path } from "./router";
import { load, session } from "./session";

interface Page {
  title: string;
  content: ComponentChildren;
}

/** The page that an address is of. */
function page(at: string, me: Me): Page {
  const [, first = "", second] = at.split("/");
  if (first === "shadows" && second !== undefined) {
    const name = decodeURIComponent(second);
    return { title: name, content: <ShadowPage key={name} name={name} me={me} /> };
  }
  switch (first) {
    case "":
    case "sign-in":
      return { title: "Board", content: <BoardPage me={me} /> };
    case "nodes":
      return { title: "Nodes", content: <NodesPage /> };
    case "stamps":
      return { title: "Stamps", content: <StampsPage /> };
    case "audit":
      return { title: "Audit", content: <AuditPage /> };
    case "tokens":
      return { title: "Tokens", content: has(me, "admin") ? <TokensPage /> : <NotForYou /> };
    default:
      return { title: "Not found", content: <Nowhere /> };
  }
}

/** What is seen depends on who looks. */
export function App() {
  const state = session.value;
  switch (state.state) {
    case "loading":
      return <Bare title="Umbra" content={<Waiting what="who you are" />} />;
    case "failed":
      return <Bare title="Umbra" content={<Failed problem={state.problem} again={() => void load()} />} />;
    case "signed-out":
      return <Bare title="Sign in" content={<SignInPage />} />;
    case "signed-in":
      return <Inside me={state.me} />;
  }
}

function Inside({ me }: { me: Me }) {
  const shown = page(path.value, me);
  const withNodes = path.value === "/nodes";
  useEffect(() => {
    start(withNodes);
    return stop;
  }, [withNodes, me]);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${shown.title} · Umbra`;
    // A new page begins at its beginning, also for those who hear it.
    if (!isFirst.current) {
      main.current?.focus();
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [shown.title]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header me={me} />
      <LineBanner />
      <main id="main" ref={main} tabIndex={-1} aria-label={shown.title}>
        {shown.content}
      </main>
      <Notices />
      <AskForStep />
    </>
  );
}

function Bare({ title, content }: Page) {
  useEffect(() => {
    document.title = title === "Umbra" ? title : `${title} · Umbra`;
  }, [title]);
  return <main class="bare">{content}</main>;
}

function NotForYou() {
  return (
    <Empty title="Tokens are for admins">
      <p>Your token has a lesser role. Ask an admin, or sign in with another token.</p>
    </Empty>
  );
}

function Nowhere() {
  return (
    <Empty title="There is no such page">
      <p>
        The address is wrong, or of another release. <a href="/">Back to the board</a>
      </p>
    </Empty>
  );
}
