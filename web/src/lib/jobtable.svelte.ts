// The jobs of a batch as the page keeps them: small rows instead of messages, because there may be a hundred thousand.

import { JobState, type Job } from "../gen/stoker/v1/batch_pb";
import { failureLine, jobEnded, why } from "./words";
import { ms } from "./format";

/** Row is one job. Times are seconds since the batch was submitted, which are small numbers; -1 is none. */
export interface Row {
  number: number;
  key: string;
  name: string;
  input: string;
  state: JobState;
  progress: number;
  attempt: number;
  changed: number;
  /** When its present state began, as far as the platform says so. */
  since: number;
  ended: number;
  /** How long the encoder took, in seconds. */
  took: number;
  /** Why it failed, was cancelled, or waits. */
  note: string;
  /** The cause of its failure, as ListFailures has it. */
  cause: string;
}

/** Filter selects rows. An empty value selects all. */
export interface Filter {
  text: string;
  prefix: string;
  cause: string;
  states: JobState[];
}

/** JobTable has all jobs of one batch, in order. */
export class JobTable {
  /** Goes up with every change. */
  version = $state(0);
  rows: Row[] = [];
  /** When the batch was submitted, in milliseconds. */
  begin = 0;

  #texts = new Map<string, string>();

  clear() {
    this.rows = [];
    this.#texts.clear();
    this.version++;
  }

  /** Takes in jobs as they are now. */
  take(jobs: Job[]) {
    if (jobs.length === 0) return;
    for (const job of jobs) {
      const number = Number(job.id.slice(job.id.lastIndexOf("/") + 1));
      if (number > 0) this.#put(number, job);
    }
    this.version++;
  }

  #put(number: number, job: Job) {
    const old = this.rows[number - 1];
    while (this.rows.length < number - 1) this.rows.push(unknownRow(this.rows.length + 1));
    const began = job.state === JobState.RUNNING ? job.runningTime : job.state === JobState.QUEUED ? job.queuedTime : undefined;
    const row: Row = {
      number,
      key: old?.key ?? job.key,
      name: old?.name ?? (job.name === job.key ? "" : job.name),
      input: old?.input ?? job.inputPath,
      state: job.state,
      progress: job.progress,
      attempt: job.attempt,
      changed: this.#seconds(ms(job.updateTime)),
      since: this.#seconds(ms(began)),
      ended: this.#seconds(ms(job.finishTime)),
      took: job.finishTime && job.runningTime ? Math.round((ms(job.finishTime) - ms(job.runningTime)) / 1000) : -1,
      note: this.#once(note(job)),
      cause: "",
    };
    this.rows[number - 1] = row;
  }

  #seconds(at: number): number {
    return at ? Math.round((at - this.begin) / 1000) : -1;
  }

  /** Keeps one copy of a text that many jobs have. */
  #once(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size < 1000) this.#texts.set(text, text);
    return text;
  }

  /** at is a row's time in milliseconds since 1970; 0 if there is none. */
  at(seconds: number): number {
    return seconds < 0 ? 0 : this.begin + seconds * 1000;
  }

  /** select returns the rows that match, as indexes, and how many rows of each state match the rest of the filter. */
  select(filter: Filter): { rows: Uint32Array; states: number[] } {
    const text = filter.text.toLowerCase();
    const states: number[] = new Array(9).fill(0);
    const found = new Uint32Array(this.rows.length);
    let n = 0;
    for (let i = 0; i < this.rows.length; i++) {
      const row = this.rows[i]!;
      if (filter.prefix && !row.key.startsWith(filter.prefix)) continue;
      if (filter.cause && row.cause !== filter.cause) continue;
      if (text && !contains(row, text)) continue;
      states[row.state]!++;
      if (filter.states.length > 0 && !filter.states.includes(row.state)) continue;
      found[n++] = i;
    }
    return { rows: found.subarray(0, n), states };
  }
}

function contains(row: Row, text: string): boolean {
  return row.key.toLowerCase().includes(text) || row.name.toLowerCase().includes(text) || row.input.toLowerCase().includes(text);
}

function note(job: Job): string {
  switch (job.state) {
    case JobState.FAILED:
      return job.failure ? failureLine(job.failure) : "";
    case JobState.WAITING:
      return job.attempt > 0 && job.failure ? failureLine(job.failure) : why(job.wait, job.waitReason, Date.now()).lead;
    case JobState.CANCELLED:
    case JobState.CANCELLING:
      return job.reason;
    default:
      return jobEnded(job.state) ? "" : why(job.wait, job.waitReason, Date.now()).lead;
  }
}

function unknownRow(number: number): Row {
  return {
    number, key: "", name: "", input: "", state: JobState.UNSPECIFIED, progress: 0, attempt: 0,
    changed: -1, since: -1, ended: -1, took: -1, note: "", cause: "",
  }; // prettier-ignore
}
