// How fresh the page is: one stream or one poll at a time, closed while the tab is hidden, taken up again when it is
// shown, and repeated with growing pauses when the server is lost.

import { Code } from "@connectrpc/connect";
import { codeOf, explain, noticeRefusal, stopping, unreachable } from "./api";

/** Freshness says whether what is shown is what is so. */
export type Freshness = "connecting" | "live" | "held" | "reconnecting" | "stopping" | "silent";

/** patience is how long a first message may take before the page says that it is not live. */
const patience = 5000;
/** silence is how long a call may say nothing before it is given up: a server that watches sends something each 15 s. */
const silence = 40_000;
const longestPause = 5_000;
/** longStream is after how many messages a stream is opened anew: connect holds on to each until the stream ends. */
export const longStream = 2000;

class Live {
  state = $state<Freshness>("connecting");
  /** Since when the server is lost, or since when the page is held. */
  since = $state(0);
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

  get held(): boolean {
    return this.state === "held";
  }

  /** hold keeps what is shown still, or lets it go on. */
  hold(on: boolean) {
    if (on && this.state === "live") {
      this.state = "held";
      this.since = Date.now();
      this.changes = 0;
    } else if (!on && this.state === "held") {
      this.state = "live";
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
    let quiet: ReturnType<typeof setTimeout> | undefined;
    this.state = "connecting";
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
      if (this.lost) void this.#checkVersion();
      if (this.state !== "held") this.state = "live";
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
      if (document.hidden) call.abort();
      else this.#wake?.();
    };
    document.addEventListener("visibilitychange", hide);

    const run = async () => {
      while (!stopped) {
        await visible();
        if (stopped) return;
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
          if (!broken && !unreachable(err) && ![Code.Unknown, Code.Internal, Code.DeadlineExceeded, Code.Canceled].includes(codeOf(err))) {
            this.state = "live";
            fail(explain(err), codeOf(err));
            return;
          }
          if (!this.lost) this.since = Date.now();
          this.state = stopping(err) ? "stopping" : "reconnecting";
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

/** beside calls fetch now and every so often, while the tab is shown and the server is there. Its failures are not
 * shown: the page's own stream says that the server is lost. The returned function ends it. */
export function beside(every: number, fetch: (signal: AbortSignal) => Promise<void>): { stop: () => void; now: () => void } {
  const call = new AbortController();
  let busy = false;
  let again = false;
  const run = async () => {
    if (document.hidden || live.lost || call.signal.aborted) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await fetch(call.signal);
    } catch {
      // Asked again in time.
    }
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
