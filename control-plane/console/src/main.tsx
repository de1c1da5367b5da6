import { render } from "preact";

import { App } from "./app/app";
import { listen } from "./app/router";
import { load } from "./app/session";
import { apply } from "./app/settings";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/valve.css";
import "./styles/dialog.css";
import "./styles/shell.css";
import "./styles/board.css";
import "./styles/shadow.css";
import "./styles/gates.css";
import "./styles/figures.css";
import "./styles/endpoints.css";
import "./styles/pairs.css";
import "./styles/nodes.css";
import "./styles/lists.css";

apply();
listen();
const root = document.getElementById("console");
if (root !== null) render(<App />, root);
void load();
