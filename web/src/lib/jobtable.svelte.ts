// The jobs of a batch as the page keeps them: small rows instead of messages, because there may be a hundred thousand.

import { JobState, type Job } from "../gen/stoker/v1/batch_pb";
import { failureLine, why } from "./words";
import { ms } from "./format";

/** leastOfEncoding is from how many characters on a text is looked for in the ids of encodings, too: two of them are in
 * half of all ids. The server does the same. */
const leastOfEncoding = 4;

/** Row is one job. Times are seconds since the batch was submitted, which are small numbers; -1 is none. Its texts are
 * one string: apart they would take five times the room. */
export class Row {
  constructor(
    readonly number: number,
    /** Key, name, input path and what else a search finds, with line ends between: no text of a job has any. */
    readonly texts: string,
    readonly state: JobState,
    readonly progress: number,
    readonly attempt: number,
    readonly changed: number,
    /** When its present state began, as far as the platform says so. */
    readonly since: number,
    readonly ended: number,
    /** How long the encoder took, in seconds. */
    readonly took: number,
    /** Why it failed, was cancelled, or waits. */
    readonly note: string,
    /** The cause of its failure, as ListFailures has it. */
    readonly cause: string,
  ) {}

  get key(): string {
    return this.#text(0);
  }
  get name(): string {
    return this.#text(1);
  }
  get input(): string {
    return this.#text(2);
  }

  #text(index: number): string {
    return this.texts.split("\n", index + 1)[index] ?? "";
  }
}

/** Filter selects rows. An empty value selects all. */
export interface Filter {
  readonly text: string;
  readonly prefix: string;
  readonly cause: string;
  readonly states: readonly JobState[];
}

/** Selection is the rows that match a filter, as indexes, and how many rows of each state match the rest of it. */
export interface Selection {
  readonly rows: Uint32Array;
  readonly states: readonly number[];
}

/** RowMaker makes rows. It keeps one copy of a text that many jobs have. */
export class RowMaker {
  /** When the batch was submitted, in milliseconds. */
  begin = 0;
  #texts = new Map<string, string>();
  #wait = "";
  #waitNote = "";

  make(number: number, job: Job): Row {
    const began = job.state === JobState.RUNNING ? job.runningTime : job.state === JobState.QUEUED ? job.queuedTime : undefined;
    // What a search finds beside: the output path if it is not the input's, and the id of the encoding.
    const output = job.outputPath && !job.inputPath.startsWith(job.outputPath) && job.outputPath !== job.key ? job.outputPath : "";
    return new Row(
      number,
      [job.key, job.name === job.key ? "" : job.name, job.inputPath, output, job.encodingId].join("\n"), // a flat string
      job.state,
      job.progress,
      job.attempt,
      this.#seconds(ms(job.updateTime)),
      this.#seconds(ms(began)),
      this.#seconds(ms(job.finishTime)),
      job.finishTime && job.runningTime ? Math.round((ms(job.finishTime) - ms(job.runningTime)) / 1000) | 0 : -1,
      this.#once(this.#note(job)),
      this.#once(job.failure?.cause ?? ""),
    );
  }

  /** at is a row's time in milliseconds since 1970; 0 if there is none. */
  at(seconds: number): number {
    return seconds < 0 ? 0 : this.begin + seconds * 1000;
  }

  #seconds(at: number): number {
    return at ? Math.max(0, Math.round((at - this.begin) / 1000)) | 0 : -1;
  }

  /** Why it failed, was cancelled, or waits. Thousands of jobs wait for the same, which is put into words once. */
  #note(job: Job): string {
    const wait = job.wait;
    if (job.state !== JobState.WAITING || !wait || wait.since || wait.until || job.nextAttemptTime) return note(job);
    const same = `${wait.code} ${wait.count} ${wait.limit} ${wait.attempt} ${wait.subject} ${wait.text}`;
    if (same !== this.#wait) [this.#wait, this.#waitNote] = [same, note(job)];
    return this.#waitNote;
  }

  #once(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size < 1000) this.#texts.set(text, text);
    return text;
  }
}

/** numberOf is the number of a job in its batch. */
export function numberOf(job: Job): number {
  return Number(job.number) || Number(job.id.slice(job.id.lastIndexOf("/") + 1));
}

/** JobTable has all jobs of one batch, in order. */
export class JobTable extends RowMaker {
  /** Goes up with every change. */
  version = $state(0);
  rows: Row[] = [];

  clear() {
    this.rows = [];
    this.version++;
  }

  /** Takes in jobs as they are now. */
  take(jobs: Job[]) {
    if (jobs.length === 0) return;
    for (const job of jobs) {
      const number = numberOf(job);
      while (this.rows.length < number - 1) this.rows.push(unknownRow(this.rows.length + 1));
      this.rows[number - 1] = this.make(number, job);
    }
    this.version++;
  }

  select(filter: Filter): Selection {
    const text = filter.text ? new RegExp(filter.text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "i") : undefined;
    const encodings = filter.text.length >= leastOfEncoding;
    const states: number[] = new Array(9).fill(0);
    const found = new Uint32Array(this.rows.length);
    let n = 0;
    for (let i = 0; i < this.rows.length; i++) {
      const row = this.rows[i]!;
      if (filter.prefix && !row.texts.startsWith(filter.prefix)) continue;
      if (filter.cause && row.cause !== filter.cause) continue;
      if (text && !text.test(encodings ? row.texts : row.texts.slice(0, row.texts.lastIndexOf("\n")))) continue;
      states[row.state]!++;
      if (filter.states.length > 0 && !filter.states.includes(row.state)) continue;
      found[n++] = i;
    }
    return { rows: found.subarray(0, n), states };
  }
}

function note(job: Job): string {
  switch (job.state) {
    case JobState.FAILED:
      return job.failure ? failureLine(job.failure) : "";
    case JobState.WAITING:
      return job.nextAttemptTime && job.failure ? failureLine(job.failure) : why(job.wait, job.waitReason, Date.now()).lead;
    case JobState.CANCELLED:
    case JobState.CANCELLING:
      return job.reason;
    case JobState.STARTING:
      return why(job.wait, job.waitReason, Date.now()).lead;
    default:
      return job.platformStatus ? `Bitmovin says ${job.platformStatus}` : "";
  }
}

function unknownRow(number: number): Row {
  return new Row(number, "", JobState.UNSPECIFIED, 0, 0, -1, -1, -1, -1, "", "");
}
