import { render } from "preact";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/tables.css";
import "./style/overview.css";
import "./style/tools.css";
import "./style/forms.css";
import "./style/trace.css";
import { App } from "./app";
import { resume } from "./state/session";
import "./state/theme";

const root = document.getElementById("app");
if (root) render(<App />, root);
void resume();
