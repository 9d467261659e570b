// The batches as the list shows them: rows keep their place while they change, and what is new waits until it is asked
// for.

import { BatchState, type Batch } from "../gen/stoker/v1/batch_pb";
import { batches } from "./api";
import { live, longStream } from "./live.svelte";
import { failureLine } from "./words";
import { count } from "./format";

export const unfinishedStates = [BatchState.OPEN, BatchState.ACTIVE, BatchState.PAUSED, BatchState.CANCELLING];
export const finishedStates = [BatchState.SUCCEEDED, BatchState.FAILED, BatchState.CANCELLED];

/** Choice is what the reader filters by. */
export interface Choice {
  show: string;
  text: string;
  account: string;
  label: string;
}

/** What each tab shows. */
export const shows: Record<string, { word: string; states: BatchState[] }> = {
  "": { word: "All", states: [] },
  unfinished: { word: "Unfinished", states: unfinishedStates },
  paused: { word: "Paused", states: [BatchState.PAUSED] },
  failed: { word: "Failed", states: [BatchState.FAILED] },
};

const pageSize = 50;
const mostUnfinished = 200;
/** atOnce is how many batches are asked for side by side. */
const atOnce = 20;
/** restlessness is how often the causes of a batch are asked for while its jobs fail, in milliseconds. */
const restlessness = 5000;

/** BatchList has the batches that match a choice. */
export class BatchList {
  /** Nothing has been heard yet. */
  loading = $state(true);
  unfinished = $state.raw<Batch[]>([]);
  ended = $state.raw<Batch[]>([]);
  /** How many batches each tab has. */
  totals = $state.raw<Record<string, number>>({});
  /** How many batches match, finished or not. */
  matching = $state({ unfinished: 0, ended: 0 });
  more = $state("");
  /** How many batches are new, or are unfinished no more and still stand among those that are. */
  waiting = $state(0);
  /** Why each batch failed, by its id. */
  causes = $state.raw<Record<string, string>>({});

  #choice: Choice;
  /** The unfinished batches as they are now. */
  #latest = new Map<string, Batch>();
  /** How many unfinished batches there are beside those. */
  #older = 0;
  /** Those that ended while they were shown. */
  #gone = new Map<string, Batch>();
  /** Of which batches the causes were asked for: how many jobs had failed, and when. */
  #asked = new Map<string, { failed: bigint; at: number }>();
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor(choice: Choice) {
    this.#choice = choice;
  }

  #filter(states: BatchState[]) {
    const [name, value] = this.#choice.label.split(/=(.*)/s, 2);
    const chosen = shows[this.#choice.show]?.states ?? [];
    return {
      states: chosen.length > 0 ? states.filter((s) => chosen.includes(s)) : states,
      text: this.#choice.text,
      account: this.#choice.account,
      labels: name ? { [name]: value ?? "" } : {},
    };
  }

  /** Loads the list, and follows it until the signal, or the server, ends that. Where no batch can be under way it
   * returns after a while. */
  async follow(signal: AbortSignal, alive: () => void) {
    const done = await this.#list(finishedStates, pageSize, "", signal);
    if (this.loading || (!live.held && this.ended.length <= pageSize)) {
      this.ended = done.batches.filter((b) => !this.unfinished.some((u) => u.id === b.id)); // one that has ended keeps its place
      this.more = done.next;
      this.matching.ended = done.total - (done.batches.length - this.ended.length);
    }
    const filter = this.#filter(unfinishedStates);
    if (filter.states.length === 0) {
      this.loading = false;
      alive();
      this.#explain();
      return;
    }
    let messages = 0;
    for await (const message of batches.watchBatches({ ...filter, limit: mostUnfinished }, { signal })) {
      alive();
      if (message.heartbeat) continue;
      const fresh = this.loading;
      if (message.snapshot) {
        const now = new Set(message.batches.map((b) => b.id));
        await this.#leave([...this.#latest.keys()].filter((id) => !now.has(id)), signal);
        this.#latest.clear();
        await this.#countOlder(message.batches.length, signal);
      }
      for (const b of message.batches) this.#latest.set(b.id, b);
      await this.#leave(message.removedBatchIds, signal);
      this.loading = false;
      if (fresh) this.show();
      else if (live.held) live.changes += message.batches.length + message.removedBatchIds.length;
      else this.apply();
      message.batches = []; // see longStream
      if (++messages === longStream) return;
    }
  }

  /** Counts the unfinished batches that are older than those of the watch, which has the newest ones. */
  async #countOlder(watched: number, signal: AbortSignal) {
    this.#older = watched < mostUnfinished ? 0 : (await this.#list(unfinishedStates, 1, "", signal)).total - watched;
  }

  /** Asks how batches that are unfinished no more have ended. */
  async #leave(ids: string[], signal: AbortSignal) {
    for (const id of ids) this.#latest.delete(id);
    const shown = ids.filter((id) => this.unfinished.some((b) => b.id === id));
    while (shown.length > 0) {
      const some = shown.splice(0, atOnce);
      const ended = await Promise.all(some.map((id) => batches.getBatch({ batchId: id }, { signal }).catch(() => undefined)));
      for (const e of ended) if (e?.batch) this.#gone.set(e.batch.id, e.batch);
    }
  }

  /** Takes in what has changed, without moving rows. */
  apply() {
    this.matching.unfinished = this.#latest.size + this.#older;
    this.unfinished = this.unfinished.map((b) => this.#latest.get(b.id) ?? this.#gone.get(b.id) ?? b);
    const shown = new Set(this.unfinished.map((b) => b.id));
    const fresh = [...this.#latest.keys()].filter((id) => !shown.has(id)).length;
    this.waiting = fresh + this.unfinished.filter((b) => !this.#latest.has(b.id)).length;
    if (this.unfinished.length === 0 && fresh > 0) this.show();
    this.#explain();
  }

  /** Shows what is new, and moves what has ended. */
  show() {
    const { states } = this.#filter(finishedStates);
    const moved = this.unfinished.filter((b) => states.includes(b.state));
    const others = this.ended.filter((b) => !this.#latest.has(b.id) && !moved.some((m) => m.id === b.id)); // one may have been retried
    const ended = this.matching.ended + moved.length - (this.ended.length - others.length);
    this.ended = [...moved, ...others];
    this.matching = { unfinished: this.#latest.size + this.#older, ended: Math.max(ended, this.ended.length) };
    this.unfinished = [...this.#latest.values()].sort((a, b) => need(b) - need(a) || (a.id < b.id ? 1 : -1));
    this.#gone.clear();
    this.waiting = 0;
    this.#explain();
  }

  async loadMore() {
    const page = await this.#list(finishedStates, pageSize, this.more);
    const known = new Set(this.ended.map((b) => b.id));
    this.ended = [...this.ended, ...page.batches.filter((b) => !known.has(b.id))];
    this.more = page.next;
    this.#explain();
  }

  async #list(states: BatchState[], size: number, pageToken: string, signal?: AbortSignal) {
    const filter = this.#filter(states);
    if (filter.states.length === 0) return { batches: [], next: "", total: 0 };
    const page = await batches.listBatches({ ...filter, pageSize: size, pageToken }, { signal });
    return { batches: page.batches, next: page.nextPageToken, total: Number(page.totalCount) || page.batches.length };
  }

  /** Counts the batches of each tab. */
  async count(signal: AbortSignal) {
    const totals = await Promise.all(
      Object.entries(shows).map(async ([name, show]) => {
        const page = await batches.listBatches({ states: show.states, pageSize: 1 }, { signal });
        return [name, Number(page.totalCount)] as const;
      }),
    );
    this.totals = Object.fromEntries(totals);
    await this.#countOlder(this.#latest.size, signal);
  }

  /** Asks why jobs of the batches failed, for some batches at a time. */
  async #explain() {
    const now = Date.now();
    const changed = [...this.unfinished, ...this.ended].filter((b) => {
      const failed = b.counts?.failed ?? 0n;
      return failed !== (this.#asked.get(b.id)?.failed ?? 0n);
    });
    const wanted = changed.filter((b) => now - (this.#asked.get(b.id)?.at ?? 0) >= restlessness).slice(0, 8);
    if (wanted.length < changed.length) this.#later ??= setTimeout(() => ((this.#later = undefined), void this.#explain()), restlessness);
    if (wanted.length === 0) return;
    for (const b of wanted) this.#asked.set(b.id, { failed: b.counts!.failed, at: now });
    const found = await Promise.all(
      wanted.map(async (b) => {
        const answer = await batches.listFailures({ batchId: b.id }).catch(() => undefined);
        if (!answer) {
          this.#asked.set(b.id, { failed: -1n, at: now }); // asked again in time
          return [b.id, this.causes[b.id] ?? ""] as const;
        }
        const { causes } = answer;
        const first = causes[0];
        if (!first?.failure) return [b.id, ""] as const;
        const others = causes.length > 1 ? `, and ${count(causes.length - 1)} more ${causes.length === 2 ? "cause" : "causes"}` : "";
        return [b.id, `${count(first.count)} × ${failureLine(first.failure)}${others}`] as const;
      }),
    );
    this.causes = { ...this.causes, ...Object.fromEntries(found) };
    void this.#explain();
  }
}

/** need says how much a batch needs somebody. */
function need(b: Batch): number {
  return b.state === BatchState.PAUSED ? 1 : 0;
}
