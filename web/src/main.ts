import { mount } from "svelte";
import App from "./App.svelte";
import { onRefused } from "./lib/api";
import { session } from "./lib/session.svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";

onRefused(() => (session.needed = true));
mount(App, { target: document.getElementById("page")! });
