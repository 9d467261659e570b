// The jobs of a batch that is too large to be kept here: pages of the server's list, loaded as they are looked at.

import { JobState } from "../gen/stoker/v1/batch_pb";
import { batches } from "./api";
import { numberOf, RowMaker, type Filter, type Row } from "./jobtable.svelte";

const pageSize = 200;

export class PagedJobs extends RowMaker {
  version = $state(0);
  rows = $state.raw<Row[]>([]);
  /** How many jobs match, if the server counts them. */
  total = $state<number | undefined>();
  /** There is more to load. */
  more = $state(true);

  #batchId: string;
  #filter: Filter;
  /** The pages that are known, each with the number from which on its jobs are. */
  #pages: { token: string; from: number }[] = [{ token: "", from: 1 }];
  #loading = false;

  constructor(batchId: string, begin: number, filter: Filter) {
    super();
    this.#batchId = batchId;
    this.begin = begin;
    this.#filter = filter;
  }

  /** Loads the next page. */
  async loadMore(signal?: AbortSignal) {
    if (this.#loading || !this.more) return;
    this.#loading = true;
    try {
      const { token, from } = this.#pages.at(-1)!;
      const page = await this.#page(token, signal);
      this.rows = [...this.rows.filter((row) => row.number < from), ...page.rows];
      if (this.#pages.length === 1) this.total = page.total;
      this.more = page.next !== "";
      if (this.more) this.#pages.push({ token: page.next, from: (page.rows.at(-1)?.number ?? from - 1) + 1 });
    } finally {
      this.#loading = false;
    }
    // A page may be empty and still have a next one.
    if (this.more && this.rows.length < pageSize / 4) await this.loadMore(signal);
  }

  /** Loads the page around a row anew. What matches no more leaves the list, and what has come to match is in its place. */
  async refresh(at: number, signal: AbortSignal) {
    const first = this.rows[at]?.number;
    if (first === undefined || this.#loading) return;
    const { token, from } = this.#pages.findLast((page) => page.from <= first)!;
    const fresh = await this.#page(token, signal);
    const end = fresh.next ? (fresh.rows.at(-1)?.number ?? from - 1) : Infinity;
    this.rows = [...this.rows.filter((row) => row.number < from), ...fresh.rows, ...this.rows.filter((row) => row.number > end)];
  }

  async #page(token: string, signal?: AbortSignal) {
    const f = this.#filter;
    const answer = await batches.listJobs(
      {
        batchId: this.#batchId,
        states: [...f.states],
        text: f.text,
        keyPrefix: f.prefix,
        causes: f.cause ? [f.cause] : [],
        pageSize,
        pageToken: token,
      },
      { signal },
    );
    return {
      rows: answer.jobs.map((job) => this.make(numberOf(job), job)),
      next: answer.nextPageToken,
      total: answer.totalCount === undefined ? undefined : Number(answer.totalCount),
    };
  }
}

/** Which states a retry and a cancellation act on. */
export const retryable = [JobState.FAILED, JobState.CANCELLED];
export const cancellable = [JobState.WAITING, JobState.STARTING, JobState.QUEUED, JobState.RUNNING];
