// What a reader can do. Each action asks first where it says so, counts what it would do with validate_only, and says
// afterwards what it did.

import { create } from "@bufbuild/protobuf";
import { BatchSchema, BatchState, JobState, type Batch, type Job } from "../gen/stoker/v1/batch_pb";
import type { CancelJobsRequest, FailureCause, RetryJobsRequest } from "../gen/stoker/v1/batch_service_pb";
import type { BatchAhead } from "../gen/stoker/v1/wait_pb";
import { batches } from "./api";
import { asking } from "./ask.svelte";
import { count, plural } from "./format";
import { batchEnded, failureLine, finished, unfinished } from "./words";

/** titleOf is what people call a batch. */
export function titleOf(b: { displayName: string; id: string; number?: bigint }): string {
  return b.displayName && b.displayName !== b.id ? b.displayName : b.number ? `Batch ${count(b.number)}` : b.id;
}

/** nameOf is how addresses name a batch: its number, or its id. */
export function nameOf(b: { id: string; number?: bigint }): string {
  return b.number ? String(b.number) : b.id;
}

/** aheadName is what people call a batch that goes first, or shares. */
export function aheadName(b: BatchAhead): string {
  return b.displayName ? `“${b.displayName}”` : `batch ${b.batchNumber}`;
}

export const may = {
  pause: (b: Batch) => b.state === BatchState.ACTIVE || b.state === BatchState.OPEN,
  resume: (b: Batch) => b.state === BatchState.PAUSED,
  cancel: (b: Batch) => !batchEnded(b.state) && b.state !== BatchState.CANCELLING,
  retry: (b: Batch) => Number(b.counts?.failed ?? 0n) > 0 && b.state !== BatchState.CANCELLING,
  close: (b: Batch) => b.state === BatchState.OPEN,
  remove: (b: Batch) => batchEnded(b.state),
};

export async function pause(b: Batch): Promise<Batch | undefined> {
  const done = await asking.does("Not paused", () => batches.pauseBatch({ batchId: b.id }));
  if (done) asking.say(`“${titleOf(b)}” is paused`, { text: "Resume", act: () => void resumeNow(b) });
  return done?.batch;
}

/** resume asks first if the batch was paused by its failure limit, since it may fail on. */
export async function resume(b: Batch): Promise<Batch | undefined> {
  const failed = Number(b.counts?.failed ?? 0n);
  const waiting = unfinished(b.counts);
  const sure = await asking.ask({
    title: `Resume “${titleOf(b)}”?`,
    text: `${plural(waiting, "job")} of it ${waiting === 1 ? "has" : "have"} not ended.${b.stateReason ? ` It was paused: ${b.stateReason}.` : ""}`,
    warning: failed > 0 ? `${plural(failed, "job")} failed so far. They no longer count towards the failure limit; if the cause is still there, more will fail.` : undefined,
    act: "Resume it",
    leave: "Leave it paused",
  });
  if (sure === undefined) return undefined;
  return resumeNow(b);
}

async function resumeNow(b: Batch): Promise<Batch | undefined> {
  const done = await asking.does("Not resumed", () => batches.resumeBatch({ batchId: b.id }));
  if (done) asking.say(`“${titleOf(b)}” goes on`);
  return done?.batch;
}

/** cancel asks for a reason, and says what becomes of the jobs. */
export async function cancel(b: Batch): Promise<Batch | undefined> {
  const c = b.counts;
  const waiting = Number(c?.waiting ?? 0n);
  const started = Number((c?.starting ?? 0n) + (c?.queued ?? 0n) + (c?.running ?? 0n));
  const act = `Cancel ${plural(waiting + started, "job")}`;
  const done = finished(c);
  const reason = await asking.ask({
    title: `${act} of “${titleOf(b)}”?`,
    text: done > 0 ? `${plural(done, "finished job")} ${done === 1 ? "stays as it is" : "stay as they are"}.` : undefined,
    jobs: { counts: { waiting: c?.waiting, starting: c?.starting, queued: c?.queued, running: c?.running }, notes: stopNotes(waiting, started) },
    input: { label: "Reason, shown to everybody", value: "" },
    act,
    leave: waiting + started === 1 ? "Keep it" : "Keep them",
    final: true,
  });
  if (reason === undefined) return undefined;
  const answer = await asking.does("Not cancelled", () => batches.cancelBatch({ batchId: b.id, reason }));
  if (answer) asking.say(`“${titleOf(b)}” is cancelled`);
  return answer?.batch;
}

function stopNotes(waiting: number, started: number) {
  return [
    { tone: "wait", count: waiting, text: "waiting: never start" },
    { tone: "run", count: started, text: "at Bitmovin: stopped, may be billed for what they did" },
  ].filter((n) => n.count > 0);
}

/** Chosen is which jobs an action is for, as the contract selects them, and in words. */
export interface Chosen {
  words: string;
  causes?: FailureCause[];
  retry: Partial<Omit<RetryJobsRequest, "$typeName" | "$unknown">>;
  cancel: Partial<Omit<CancelJobsRequest, "$typeName" | "$unknown">>;
}

/** retryJobs counts the jobs first, asks, and retries them. It returns how many. */
export async function retryJobs(b: Batch, chosen: Chosen): Promise<number | undefined> {
  const preview = await asking.does("Not retried", () => batches.retryJobs({ ...chosen.retry, validateOnly: true }));
  if (!preview) return undefined;
  if (preview.count === 0n) {
    asking.complain("Nothing to retry: no such job is failed any more");
    return undefined;
  }
  const act = `Retry ${plural(preview.count, "job")}`;
  const permanent = chosen.causes?.some((c) => c.failure?.permanent);
  const sure = await asking.ask({
    title: `${act}?`,
    text: `${chosen.words} ${preview.count === 1n ? "It gets" : "Each gets"} a new attempt and becomes a new encoding.`,
    warning: permanent ? "Bitmovin calls this error permanent. They will fail again unless what they need is there now." : undefined,
    act,
    leave: preview.count === 1n ? "Leave it" : "Leave them",
  });
  if (sure === undefined) return undefined;
  const done = await asking.does("Not retried", () => batches.retryJobs(chosen.retry));
  if (!done) return undefined;
  asking.say(`${plural(done.count, "job")} of “${titleOf(b)}” ${done.count === 1n ? "waits" : "wait"} for a new attempt`);
  return Number(done.count);
}

/** cancelJobs counts the jobs first, asks for a reason, and cancels them. It returns how many. */
export async function cancelJobs(b: Batch, chosen: Chosen): Promise<number | undefined> {
  const preview = await asking.does("Not cancelled", () => batches.cancelJobs({ ...chosen.cancel, validateOnly: true }));
  if (!preview) return undefined;
  if (preview.count === 0n) {
    asking.complain("Nothing to cancel: all of these jobs have ended");
    return undefined;
  }
  const c = preview.counts;
  const act = `Cancel ${plural(preview.count, "job")}`;
  const waiting = Number(c?.waiting ?? 0n);
  const reason = await asking.ask({
    title: `${act} of “${titleOf(b)}”?`,
    text: chosen.words,
    jobs: c && {
      counts: { waiting: c.waiting, starting: c.starting, queued: c.queued, running: c.running },
      notes: stopNotes(waiting, Number(c.starting + c.queued + c.running)),
    },
    input: { label: "Reason, shown to everybody", value: "" },
    act,
    leave: preview.count === 1n ? "Keep it" : "Keep them",
    final: true,
  });
  if (reason === undefined) return undefined;
  const done = await asking.does("Not cancelled", () => batches.cancelJobs({ ...chosen.cancel, reason }));
  if (!done) return undefined;
  asking.say(`${plural(done.count, "job")} of “${titleOf(b)}” ${done.count === 1n ? "is" : "are"} cancelled`);
  return Number(done.count);
}

/** chosenCause selects the jobs that failed of a cause. */
export function chosenCause(b: Batch, cause: FailureCause): Chosen {
  return {
    words: `Those of “${titleOf(b)}” that failed with ${cause.failure ? `“${failureLine(cause.failure)}”` : "this cause"}.`,
    causes: [cause],
    retry: { batchId: b.id, causes: [cause.cause] },
    cancel: { batchId: b.id, causes: [cause.cause] },
  };
}

/** chosenFailed selects all jobs of a batch that failed. */
export function chosenFailed(b: Batch, causes: FailureCause[]): Chosen {
  return { words: `All of “${titleOf(b)}” that failed.`, causes, retry: { batchId: b.id }, cancel: { batchId: b.id } };
}

export async function retryJob(job: Job): Promise<boolean> {
  const done = await asking.does("Not retried", () => batches.retryJobs({ jobIds: [job.id] }));
  if (done) asking.say("The job waits for a new attempt");
  return !!done;
}

export async function cancelJob(job: Job): Promise<boolean> {
  const started = job.state !== JobState.WAITING;
  const reason = await asking.ask({
    title: "Cancel this job?",
    text: started ? "It is at Bitmovin already: it is stopped, and may be billed for what it did." : "It has not started and never will.",
    input: { label: "Reason, shown to everybody", value: "" },
    act: "Cancel 1 job",
    leave: "Keep it",
    final: true,
  });
  if (reason === undefined) return false;
  const done = await asking.does("Not cancelled", () => batches.cancelJob({ jobId: job.id, reason }));
  if (done) asking.say("The job is cancelled");
  return !!done;
}

export async function changePriority(b: Batch): Promise<Batch | undefined> {
  const text = await asking.ask({
    title: `Priority of “${titleOf(b)}”`,
    text: "0 to 100; jobs of a higher priority go first. What is queued at Bitmovin already is told, too.",
    input: { label: "Priority", value: String(b.priority), type: "number", min: 0, max: 100, needed: true },
    act: "Set priority",
    leave: `Leave it at ${b.priority}`,
  });
  if (text === undefined) return undefined;
  const batch = create(BatchSchema, { id: b.id, priority: Number(text) });
  const done = await asking.does("Not changed", () => batches.updateBatch({ batch, updateMask: { paths: ["priority"] } }));
  if (done) asking.say(`“${titleOf(b)}” has priority ${text}`);
  return done?.batch;
}

export async function changeLimit(b: Batch): Promise<Batch | undefined> {
  const old = b.failureLimit?.count ?? 0n;
  const text = await asking.ask({
    title: `Failure limit of “${titleOf(b)}”`,
    text: "It pauses itself when so many of its jobs have failed. 0: never.",
    input: { label: "Failed jobs", value: String(old), type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, needed: true },
    act: "Set limit",
    leave: "Leave it",
  });
  if (text === undefined) return undefined;
  const limit = { count: BigInt(text), percent: b.failureLimit?.percent ?? 0, minFinished: b.failureLimit?.minFinished ?? 0n };
  const batch = create(BatchSchema, { id: b.id, failureLimit: limit });
  const done = await asking.does("Not changed", () => batches.updateBatch({ batch, updateMask: { paths: ["failure_limit"] } }));
  if (done) asking.say(text === "0" ? "It has no failure limit" : `Its failure limit is ${count(Number(text))}`);
  return done?.batch;
}

export async function close(b: Batch): Promise<Batch | undefined> {
  const sure = await asking.ask({
    title: `Close “${titleOf(b)}”?`,
    text: `It has ${plural(b.jobCount, "job")}. No more can be added then.`,
    act: "Close it",
    leave: "Leave it open",
  });
  if (sure === undefined) return undefined;
  const done = await asking.does("Not closed", () => batches.closeBatch({ batchId: b.id }));
  if (done) asking.say(`“${titleOf(b)}” is closed`);
  return done?.batch;
}

export async function remove(b: Batch): Promise<boolean> {
  const act = `Delete ${plural(b.jobCount, "job")}`;
  const sure = await asking.ask({
    title: `${act} of “${titleOf(b)}”?`,
    text: "The batch is deleted from this server. Its encodings and outputs stay at Bitmovin.",
    act,
    leave: "Keep the batch",
    final: true,
  });
  if (sure === undefined) return false;
  const done = await asking.does("Not deleted", () => batches.deleteBatch({ batchId: b.id }));
  if (done) asking.say(`“${titleOf(b)}” is deleted`);
  return !!done;
}
