// What the page asks before it acts, and what it says afterwards.

import type { JobCounts } from "../gen/stoker/v1/batch_pb";
import { explain } from "./api";

/** Question is asked in a dialog. Its title is the question, and its button says the same. */
export interface Question {
  title: string;
  text?: string;
  /** What should give pause. */
  warning?: string;
  /** Jobs to show in a bar, and what becomes of them. */
  jobs?: { counts: Partial<Record<keyof JobCounts, bigint>>; notes: { tone: string; count: number; text: string }[] };
  /** Asks for a text; empty is allowed unless needed is set. */
  input?: { label: string; value: string; type?: "text" | "number"; min?: number; max?: number; needed?: boolean };
  /** The button that does it. */
  act: string;
  /** The way out, which says what stays. */
  leave: string;
  /** It cannot be undone. */
  final?: boolean;
}

/** Note is said at the lower left. Failures stay until they are closed. */
export interface Note {
  id: number;
  text: string;
  bad: boolean;
  button?: { text: string; act: () => void };
}

class Asking {
  question = $state.raw<Question | undefined>();
  notes = $state.raw<Note[]>([]);
  #answer: ((value: string | undefined) => void) | undefined;
  #last = 0;

  /** ask resolves with the text that was given, or with undefined if nothing should be done. */
  ask(question: Question): Promise<string | undefined> {
    this.#answer?.(undefined);
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(value: string | undefined) {
    this.question = undefined;
    this.#answer?.(value);
    this.#answer = undefined;
  }

  say(text: string, button?: Note["button"]) {
    this.#add({ id: ++this.#last, text, bad: false, button });
  }

  complain(text: string) {
    this.#add({ id: ++this.#last, text, bad: true });
  }

  #add(note: Note) {
    this.notes = [...this.notes.slice(-3), note];
    if (!note.bad) this.#closeLater(note.id);
  }

  /** A note whose button is about to be pressed stays. */
  #closeLater(id: number) {
    setTimeout(() => (document.querySelector(".notes:is(:hover, :focus-within)") ? this.#closeLater(id) : this.close(id)), 6000);
  }

  /** leave forgets what is asked and was said: somebody else may look now. */
  leave() {
    this.answer(undefined);
    this.notes = [];
  }

  close(id: number) {
    this.notes = this.notes.filter((n) => n.id !== id);
  }

  /** does runs an action and says what went wrong: "Not paused: the batch has just ended." */
  async does<T>(not: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (err) {
      this.complain(`${not}: ${explain(err)}`);
      return undefined;
    }
  }

  /** copies puts a text on the clipboard, and says so. Browsers have none for a page that came over a network without TLS. */
  async copies(text: string, what: string) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      this.complain(`Not copied: the browser keeps the clipboard from this page. Mark ${what} and copy it by hand`);
      return;
    }
    this.say(`Copied ${what}`);
  }
}

export const asking = new Asking();
