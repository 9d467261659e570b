// Who looks at the page, and what they may do.

import { Code } from "@connectrpc/connect";
import { Role } from "../gen/stoker/v1/access_pb";
import { PrincipalKind } from "../gen/stoker/v1/access_service_pb";
import { accountList } from "./accountlist.svelte";
import { access, base, codeOf, explain } from "./api";
import { asking } from "./ask.svelte";

const words: Record<Role, string> = {
  [Role.UNSPECIFIED]: "",
  [Role.VIEWER]: "viewer",
  [Role.SUBMITTER]: "submitter",
  [Role.OPERATOR]: "operator",
  [Role.ADMIN]: "admin",
};

class Session {
  /** The server asks for a token. */
  needed = $state(false);
  /** The server asks since a login has ended. It is no state: a page that is taken away for it would read what was before. */
  ended = false;
  /** The server has said who looks at the page. */
  known = $state(false);
  /** Why the server does not say it. */
  problem = $state("");
  name = $state("");
  #role = $state<Role>(Role.UNSPECIFIED);
  #kind = $state<PrincipalKind>(PrincipalKind.UNSPECIFIED);

  get role(): string {
    return words[this.#role] ?? "";
  }

  /** Somebody has signed in here, and can sign out. */
  get signedIn(): boolean {
    return this.#kind === PrincipalKind.TOKEN || this.#kind === PrincipalKind.JWT;
  }

  get maySubmit(): boolean {
    return this.#role >= Role.SUBMITTER;
  }

  /** May the reader steer accounts, and every batch? */
  get maySteerAll(): boolean {
    return this.#role >= Role.OPERATOR;
  }

  get mayAudit(): boolean {
    return this.#role >= Role.ADMIN;
  }

  /** May the reader steer a batch? */
  maySteer(batch: { createdBy: string } | undefined): boolean {
    return this.maySteerAll || (this.maySubmit && !!batch && batch.createdBy === this.name);
  }

  /** Asks the server who looks at the page. */
  async load(signal?: AbortSignal) {
    const { principal } = await access.whoAmI({}, { signal });
    const name = principal?.name ?? "";
    if (name !== this.name) accountList.forget();
    this.name = name;
    this.#role = principal?.role ?? Role.UNSPECIFIED;
    this.#kind = principal?.kind ?? PrincipalKind.UNSPECIFIED;
    this.known = true;
    this.needed = false;
    this.ended = false;
  }

  /** Asks for a token. */
  end() {
    if (!this.needed) asking.leave();
    this.ended = true;
    this.needed = true;
  }

  /** Signs in with a token, which the browser keeps where no script can read it. It returns what is wrong. */
  async signIn(token: string): Promise<string> {
    try {
      const answer = await post("login", { token });
      if (!answer.ok) return answer.status === 401 ? "This token is not known here." : ((await answer.json()) as { message: string }).message;
    } catch (err) {
      return explain(err);
    }
    try {
      await this.load();
      return "";
    } catch (err) {
      if (codeOf(err) !== Code.Unauthenticated) return explain(err);
      return "The token is valid, but the browser does not keep it: the page has to come over TLS, or from this machine.";
    }
  }

  async signOut() {
    const answer = await asking.does("Not signed out", () => post("logout", {}));
    if (answer?.ok) {
      asking.leave();
      this.needed = true;
    }
    else if (answer) asking.complain(`Not signed out: the server answered ${answer.status}`);
  }
}

function post(path: string, body: unknown): Promise<Response> {
  return fetch(`${base}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

export const session = new Session();
