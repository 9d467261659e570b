import { mount } from "svelte";
import App from "./App.svelte";
import { onRefused } from "./lib/api";
import { live } from "./lib/live.svelte";
import { session } from "./lib/session.svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";

onRefused(() => session.end());
// Who looks at the page decides what it offers.
const done = live.keep(
  async (signal, alive) => {
    await session.load(signal);
    alive();
    return undefined;
  },
  (message) => {
    done();
    session.problem = message;
  },
);
mount(App, { target: document.getElementById("page")! });
