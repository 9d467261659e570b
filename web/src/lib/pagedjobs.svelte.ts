// The jobs of a batch that is too large to be kept here: a part of the server's list, which grows at both ends as it is
// looked at.

import { JobState } from "../gen/stoker/v1/batch_pb";
import { JobOrder } from "../gen/stoker/v1/batch_service_pb";
import { batches } from "./api";
import { numberOf, RowMaker, type Filter, type Row } from "./jobtable.svelte";

const pageSize = 200;
/** before is how many numbers before the job that is looked for the list begins. */
const before = 40;

export class PagedJobs extends RowMaker {
  rows = $state.raw<Row[]>([]);
  /** How many jobs match, if the server counts them. */
  total = $state<number | undefined>();
  /** There is more to load after the rows. */
  more = $state(true);
  /** There is more to load before the rows. */
  earlier = $state(false);
  /** The rows are ready to be shown. */
  ready = $state(false);

  #batchId: string;
  #filter: Filter;
  /** The number after which the rows begin. */
  #begin: number;
  /** Where the next pages begin, if their jobs do not say it: a page may have none and still have a next one. */
  #nextToken = "";
  #earlierToken = "";
  #loading = false;

  /** The list begins at the job of a number, if that is not on the first page anyway. */
  constructor(batchId: string, begin: number, filter: Filter, number = 0) {
    super();
    this.#batchId = batchId;
    this.begin = begin;
    this.#filter = filter;
    this.#begin = number > pageSize ? number - before : 0;
    this.earlier = this.#begin > 0;
  }

  /** Loads the first rows: at the end of the list those before it. */
  async load(signal?: AbortSignal) {
    await this.loadMore(signal);
    if (this.rows.length === 0) await this.loadEarlier(undefined, signal);
  }

  /** Loads the next page. */
  async loadMore(signal?: AbortSignal) {
    if (this.#loading || !this.more) return;
    this.#loading = true;
    try {
      const page = await this.#page({ pageToken: this.#nextToken, afterNumber: this.#begin }, signal);
      this.rows = [...this.rows, ...page.rows];
      if (!this.#nextToken) this.total = page.total;
      this.#nextToken = page.next;
      this.more = page.next !== "";
    } finally {
      this.#loading = false;
    }
    if (this.more && this.rows.length < pageSize / 4) await this.loadMore(signal);
  }

  /** Loads the page before the rows. grow is called with the number of its rows before these are there. */
  async loadEarlier(grow?: (rows: number) => void, signal?: AbortSignal) {
    if (this.#loading || !this.earlier) return;
    this.#loading = true;
    let found: Row[] = [];
    try {
      while (found.length === 0 && this.earlier) {
        const page = await this.#page({ pageToken: this.#earlierToken, afterNumber: this.#begin + 1, order: JobOrder.NEWEST_FIRST }, signal);
        found = page.rows.reverse();
        this.#earlierToken = page.next;
        this.earlier = page.next !== "";
      }
      grow?.(found.length);
      this.rows = [...found, ...this.rows];
    } finally {
      this.#loading = false;
    }
  }

  /** Loads the rows from one on anew. What matches no more leaves the list, and what has come to match is in its place. */
  async refresh(at: number, signal: AbortSignal) {
    if (this.#loading) return;
    const after = this.rows[at - 1]?.number ?? (this.earlier ? Math.min(this.#begin, (this.rows[0]?.number ?? Infinity) - 1) : 0);
    const page = await this.#page({ afterNumber: after }, signal);
    const end = page.next ? (page.rows.at(-1)?.number ?? after) : Infinity;
    const later = this.rows.filter((row) => row.number > end);
    this.rows = [...this.rows.filter((row) => row.number <= after), ...page.rows, ...later];
    if (later.length > 0) return;
    // The list ended here, and may have grown.
    this.#nextToken = page.next;
    this.more = page.next !== "";
  }

  async #page(place: { pageToken?: string; afterNumber: number; order?: JobOrder }, signal?: AbortSignal) {
    const f = this.#filter;
    const answer = await batches.listJobs(
      { batchId: this.#batchId, states: [...f.states], text: f.text, keyPrefix: f.prefix, causes: f.cause ? [f.cause] : [], pageSize, ...place, afterNumber: BigInt(place.afterNumber) },
      { signal },
    );
    return {
      rows: answer.jobs.map((job) => this.make(numberOf(job), job)),
      next: answer.nextPageToken,
      total: answer.totalCount === undefined ? undefined : Number(answer.totalCount),
    };
  }
}

/** findFailed is the number of the failed job of a batch after or before a number, in the order of the batch; 0 if there is none. */
export async function findFailed(batchId: string, number: number, step: 1 | -1): Promise<number> {
  if (step < 0 && number <= 1) return 0;
  const order = step > 0 ? JobOrder.SUBMISSION : JobOrder.NEWEST_FIRST;
  const { jobs } = await batches.listJobs({ batchId, states: [JobState.FAILED], pageSize: 1, afterNumber: BigInt(number), order });
  return jobs[0] ? numberOf(jobs[0]) : 0;
}

/** Which states a retry and a cancellation act on. */
export const retryable = [JobState.FAILED, JobState.CANCELLED];
export const cancellable = [JobState.WAITING, JobState.STARTING, JobState.QUEUED, JobState.RUNNING];
