// One batch as its page keeps it: live by a watch that goes on from its cursor, with the jobs if they are not too many.

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Batch, Job } from "../gen/stoker/v1/batch_pb";
import type { FailureCause, WatchBatchResponse } from "../gen/stoker/v1/batch_service_pb";
import { batches } from "./api";
import { ms } from "./format";
import { JobTable, numberOf } from "./jobtable.svelte";
import { beside, live, longStream } from "./live.svelte";

/** mostLive is how many jobs a page keeps; of a larger batch it asks the server for what is looked at. */
export const mostLive = 150_000;

export class BatchView {
  batch = $state.raw<Batch | undefined>();
  causes = $state.raw<FailureCause[]>([]);
  /** Why the batch cannot be shown. */
  problem = $state.raw<{ text: string; missing: boolean } | undefined>();
  /** All jobs are known. */
  complete = $state(false);
  jobs = new JobTable();

  /** Whether the jobs are kept here; undefined until the size of the batch is known. */
  keepsJobs = $state<boolean | undefined>();

  #id: string;
  #cursor = "";
  /** The stream brings the jobs, too. */
  #withJobs = true;
  /** What came while the page was held: the latest of each job, however long that lasts. */
  #held: { snapshot: boolean; batch?: Batch; jobs: Map<number, Job> } | undefined;
  #failed = -1n;

  constructor(id: string) {
    this.#id = id;
  }

  /** Watches until the returned function is called. */
  watch(): () => void {
    const causes = beside(30_000, async (signal) => {
      const id = this.batch?.id;
      if (!id) return;
      if (this.batch!.counts?.failed === 0n && this.causes.length === 0) return;
      this.causes = (await batches.listFailures({ batchId: id }, { signal })).causes;
    });
    let due: ReturnType<typeof setTimeout> | undefined;
    const askForCauses = () => {
      const failed = this.batch?.counts?.failed ?? 0n;
      if (failed === this.#failed) return;
      this.#failed = failed;
      due ??= setTimeout(() => {
        due = undefined;
        causes.now();
      }, 300);
    };
    const stop = live.keep(
      async (signal, alive) => {
        if (this.keepsJobs === undefined) {
          const { batch } = await batches.getBatch({ batchId: this.#id }, { signal });
          this.#take(batch!);
          askForCauses();
          this.jobs.begin = ms(batch!.createTime);
          this.#withJobs = this.keepsJobs = batch!.jobCount <= mostLive;
        }
        const request = { batchId: this.batch!.id, cursor: this.#cursor, includeJobs: this.#withJobs, minInterval: durationFromMs(200) };
        // Without changes since the cursor, the headers are all that comes for a while.
        const onHeader = () => this.#cursor && alive();
        let messages = 0;
        for await (const message of batches.watchBatch(request, { signal, onHeader })) {
          alive();
          this.#cursor = message.cursor || this.#cursor;
          if (message.heartbeat) continue;
          const grown = this.#withJobs && (message.batch?.jobCount ?? 0n) > mostLive;
          if (grown) this.#withJobs = false;
          if (live.held) {
            live.changes += Math.max(1, message.jobs.length);
            this.#keep(message);
          } else {
            this.release();
            this.#apply(message);
          }
          // The stream holds on to its messages until it ends; this leaves it their shells.
          message.jobs = [];
          message.batch = undefined;
          askForCauses();
          if (grown) this.#cursor = ""; // a cursor is one of a stream with jobs, or without
          if (grown || ++messages === longStream) return 0;
        }
        // The batch has ended. It may go on after a retry.
        alive();
        return 4000;
      },
      (text, code) => (this.problem = { text, missing: code === 5 || code === 3 }),
    );
    return () => {
      stop();
      causes.stop();
      clearTimeout(due);
    };
  }

  /** Takes what an action answered, unless the watch was faster and has brought something newer. */
  answered(batch: Batch) {
    if (ms(batch.updateTime) >= ms(this.batch?.updateTime)) this.#take(batch);
  }

  /** Applies what came while the page was held. */
  release() {
    const held = this.#held;
    this.#held = undefined;
    if (held) this.#apply({ snapshot: held.snapshot, batch: held.batch, jobs: [...held.jobs.values()] });
  }

  #keep(message: WatchBatchResponse) {
    if (message.snapshot || !this.#held) this.#held = { snapshot: message.snapshot, jobs: new Map() };
    this.#held.batch = message.batch ?? this.#held.batch;
    if (!this.#withJobs) this.#held.jobs.clear();
    else for (const job of message.jobs) this.#held.jobs.set(numberOf(job), job);
  }

  #apply(message: Pick<WatchBatchResponse, "snapshot" | "batch" | "jobs">) {
    if (message.batch) this.#take(message.batch);
    if (!this.#withJobs) {
      // The jobs that it has grown beyond stay until the server's list takes their place.
      this.keepsJobs = false;
      return;
    }
    if (message.snapshot) {
      this.jobs.clear();
      this.complete = false;
    }
    this.jobs.take(message.jobs);
    if (this.jobs.rows.length >= Number(this.batch?.jobCount ?? 0n)) this.complete = true;
  }

  #take(batch: Batch) {
    // What only GetBatch says stays.
    const before = this.batch;
    if (before && !batch.encodes) batch.encodes = before.encodes;
    if (before?.wait?.code === batch.wait?.code && batch.wait && before?.wait?.ahead.length && batch.wait.ahead.length === 0) {
      batch.wait.ahead = before.wait.ahead;
    }
    this.batch = batch;
  }
}
