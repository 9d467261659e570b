// The address of what is shown: everything that a reader chose stands behind the # of the address, so that a link
// shows the same and Back goes back. It stands there because the page may be served below any path.

import { SvelteURLSearchParams } from "svelte/reactivity";

class Route {
  /** The parts of the path: ["batches", "411", "jobs", "17"]. */
  path = $state.raw<string[]>([]);
  /** What was chosen on the page. */
  query = new SvelteURLSearchParams();

  constructor() {
    this.#read();
    addEventListener("hashchange", () => this.#read());
  }

  #read() {
    const [, path = "", query = ""] = /^#?\/?([^?]*)\??(.*)$/s.exec(location.hash)!;
    const parts = path.split("/").filter(Boolean).map(decode);
    if (parts.join("/") !== this.path.join("/")) this.path = parts;
    const next = new URLSearchParams(query);
    for (const name of [...this.query.keys()]) if (!next.has(name)) this.query.delete(name);
    for (const [name, value] of next) if (this.query.get(name) !== value) this.query.set(name, value);
  }

  /** get is a chosen value; empty if there is none. */
  get(name: string): string {
    return this.query.get(name) ?? "";
  }

  /** set changes chosen values, in place of the present address; an empty value is none. */
  set(values: Record<string, string>) {
    const next = new URLSearchParams(this.query.toString());
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    history.replaceState(history.state, "", link(this.path, Object.fromEntries(next)));
    this.#read();
  }

  /** go shows another page. */
  go(to: string) {
    location.hash = to;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** link is the address of a page: link(["batches", id], { state: "failed" }). */
export function link(path: string[], query: Record<string, string> = {}): string {
  const chosen = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (chosen ? "?" + chosen : "");
}

/** jobLink is the address of a job by its id, <batch id>/<number>. */
export function jobLink(id: string): string {
  const slash = id.lastIndexOf("/");
  return link(["batches", id.slice(0, slash), "jobs", id.slice(slash + 1)]);
}

export const route = new Route();
