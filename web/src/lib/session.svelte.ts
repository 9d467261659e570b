// Who looks at the page, and what they may do.

class Session {
  /** The server asks for a token. */
  needed = $state(false);
  role = $state("");
  name = $state("");

  /** May the reader change anything? Until the server has said who that is, everything is offered: it decides. */
  get mayAct(): boolean {
    return this.role !== "viewer";
  }

  get mayAudit(): boolean {
    return this.role === "admin";
  }
}

export const session = new Session();
