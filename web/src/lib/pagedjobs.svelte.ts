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
  #tokens: string[] = [""];
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
      const page = await this.#page(this.#tokens.length - 1, signal);
      this.rows = [...this.rows, ...page.rows];
      if (this.#tokens.length === 1) this.total = page.total;
      this.more = page.next !== "";
      if (this.more) this.#tokens.push(page.next);
    } finally {
      this.#loading = false;
    }
    // A page may be empty and still have a next one.
    if (this.more && this.rows.length < pageSize / 4) await this.loadMore(signal);
  }

  /** Loads the page around a row anew. */
  async refresh(at: number, signal: AbortSignal) {
    const first = this.rows[at]?.number;
    if (first === undefined || this.#loading) return;
    const fresh = await this.#page(Math.min(Math.floor(at / pageSize), this.#tokens.length - 1), signal);
    const now = new Map(fresh.rows.map((row) => [row.number, row]));
    this.rows = this.rows.map((row) => now.get(row.number) ?? row);
  }

  async #page(index: number, signal?: AbortSignal) {
    const f = this.#filter;
    const answer = await batches.listJobs(
      {
        batchId: this.#batchId,
        states: [...f.states],
        text: f.text,
        keyPrefix: f.prefix,
        causes: f.cause ? [f.cause] : [],
        pageSize,
        pageToken: this.#tokens[index],
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
