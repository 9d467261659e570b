// How fresh the page is: one stream or one poll at a time, closed while the tab is hidden, taken up again when it is
// shown, and repeated with growing pauses when the server is lost.

import { Code } from "@connectrpc/connect";
import { codeOf, explain, noticeRefusal, stopping, unheard, unreachable } from "./api";

/** Freshness says whether what is shown is what is so. */
export type Freshness = "connecting" | "live" | "reconnecting" | "stopping" | "silent";

/** patience is how long a first message may take before the page says that it is not live. */
const patience = 5000;
/** silence is how long a call may say nothing before it is given up: a server that watches sends something each 15 s. */
const silence = 40_000;
const longestPause = 5_000;
/** longStream is after how many messages a stream is opened anew: connect holds on to each until the stream ends. */
export const longStream = 2000;
/** passing are the errors after which a call is made again: another one may succeed. */
const passing = [Code.Unknown, Code.Internal, Code.DeadlineExceeded, Code.Canceled, Code.ResourceExhausted];

class Live {
  state = $state<Freshness>("connecting");
  /** Since when the server is lost. */
  since = $state(0);
  /** Why the server cannot answer, if it says so itself. */
  trouble = $state("");
  /** What is shown stands still, even while the server goes away and comes back. */
  held = $state(false);
  /** Since when the page is held. */
  heldSince = $state(0);
  /** When the next try is made. */
  nextTry = $state(0);
  /** How many changes wait while the page is held. */
  changes = $state(0);
  /** The server has been upgraded since this page was loaded. */
  upgraded = $state(false);

  #wake: (() => void) | undefined;

  /** lost says whether the server cannot be reached. */
  get lost(): boolean {
    return this.state === "reconnecting" || this.state === "stopping";
  }

  /** hold keeps what is shown still, or lets it go on. */
  hold(on: boolean) {
    if (on && this.state === "live") {
      this.held = true;
      this.heldSince = Date.now();
      this.changes = 0;
    } else if (!on && this.held) {
      this.held = false;
      this.#wake?.();
    }
  }

  /** retry makes the next try at once. */
  retry() {
    this.#wake?.();
  }

  /** keep runs attempt again and again until the returned function is called. An attempt calls alive when it heard
   * from the server. It ends with the time to the next one, or undefined if there is nothing more to come. */
  keep(attempt: (signal: AbortSignal, alive: () => void) => Promise<number | undefined>, fail: (message: string, code: Code) => void): () => void {
    let stopped = false;
    let call = new AbortController();
    let pause = 0;
    let broken = false;
    let hidden = false;
    let asleep = false;
    let quiet: ReturnType<typeof setTimeout> | undefined;
    this.state = "connecting";
    this.held = false;
    this.changes = 0;

    // A connection that is gone without a word shows only by the silence.
    const listen = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => {
        broken = true;
        call.abort();
      }, silence);
    };
    const alive = () => {
      listen();
      pause = 0;
      if (this.lost || asleep) void this.#checkVersion();
      asleep = false;
      this.state = "live";
    };
    const sleep = (delay: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const visible = () =>
      new Promise<void>((resolve) => {
        if (!document.hidden) return resolve();
        const shown = () => {
          if (document.hidden) return;
          document.removeEventListener("visibilitychange", shown);
          resolve();
        };
        document.addEventListener("visibilitychange", shown);
      });
    const hide = () => {
      if (document.hidden) {
        hidden = true;
        call.abort();
      } else this.#wake?.();
    };
    document.addEventListener("visibilitychange", hide);

    const run = async () => {
      while (!stopped) {
        await visible();
        if (stopped) return;
        // What is shown is from before the tab was hidden, until the server is heard again.
        if (hidden && !this.lost) this.state = "connecting";
        asleep ||= hidden;
        hidden = false;
        call = new AbortController();
        broken = false;
        listen();
        const impatient = setTimeout(() => {
          if (!stopped && this.state === "connecting") this.state = "silent";
        }, patience);
        try {
          const delay = await attempt(call.signal, () => {
            clearTimeout(impatient);
            if (!stopped) alive();
          });
          clearTimeout(quiet);
          if (delay === undefined) {
            // Nothing more will change; what is shown stays true.
            return;
          }
          if (!stopped) await sleep(delay);
        } catch (err) {
          if (stopped) return;
          clearTimeout(quiet); // not while it sleeps
          if (call.signal.aborted && !broken) continue;
          noticeRefusal(err);
          if (!broken && !unreachable(err) && !passing.includes(codeOf(err))) {
            this.state = "live";
            fail(explain(err), codeOf(err));
            return;
          }
          if (!this.lost) this.since = Date.now();
          this.state = stopping(err) ? "stopping" : "reconnecting";
          this.trouble = broken || unheard(err) ? "" : explain(err);
          pause = Math.min(longestPause, pause ? pause * 2 : 500);
          this.nextTry = Date.now() + pause;
          await sleep(pause);
        } finally {
          clearTimeout(impatient);
        }
      }
    };
    void run();
    return () => {
      stopped = true;
      clearTimeout(quiet);
      call.abort();
      this.#wake?.();
      document.removeEventListener("visibilitychange", hide);
    };
  }

  /** Compares the page that the server has now with the one that runs. */
  async #checkVersion() {
    const script = document.querySelector<HTMLScriptElement>("script[src]")?.getAttribute("src");
    try {
      const answer = await fetch(new URL(".", document.baseURI), { cache: "no-store" });
      if (answer.ok && script) this.upgraded = !(await answer.text()).includes(script.replace(/^\.\//, ""));
    } catch {
      // The next connection asks again.
    }
  }
}

export const live = new Live();

/** beside calls fetch now and every so often, while the tab is shown, the server is there and the page is not held. Its
 * failures are not shown: the page's own stream says that the server is lost. The returned function ends it. */
export function beside(every: number, fetch: (signal: AbortSignal) => Promise<void>): { stop: () => void; now: () => void } {
  const call = new AbortController();
  let busy = false;
  let again = false;
  let shown = false;
  const run = async () => {
    if (document.hidden || live.lost || call.signal.aborted || (live.held && shown)) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    // A connection that is gone without a word would keep it busy for ever.
    const slow = new AbortController();
    const limit = setTimeout(() => slow.abort(), silence);
    try {
      await fetch(AbortSignal.any([call.signal, slow.signal]));
      shown = true;
    } catch {
      // Asked again in time.
    }
    clearTimeout(limit);
    busy = false;
    if (again) {
      again = false;
      void run();
    }
  };
  const timer = setInterval(run, every);
  document.addEventListener("visibilitychange", run);
  queueMicrotask(run); // not in the effect that called
  return {
    stop: () => {
      call.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", run);
    },
    now: run,
  };
}
