// The words of the page for what the contract says with codes: states, reasons for waiting, failures.

import { BatchState, FailureKind, JobState, type Batch, type Failure, type JobCounts } from "../gen/stoker/v1/batch_pb";
import { BreakerState, type Account } from "../gen/stoker/v1/account_service_pb";
import { WaitCode, type Wait } from "../gen/stoker/v1/wait_pb";
import { clock, count, moment, ms, plural, sentence } from "./format";

/** Look is a state to show: its word, its icon, and its colour if it has one. */
export interface Look {
  word: string;
  icon: string;
  tone: "" | "ok" | "run" | "fail" | "warn";
}

const looks: Record<string, Look> = {
  waiting: { word: "waiting", icon: "waiting", tone: "" },
  starting: { word: "starting", icon: "starting", tone: "" },
  queued: { word: "queued", icon: "queued", tone: "" },
  running: { word: "running", icon: "running", tone: "run" },
  succeeded: { word: "succeeded", icon: "ok", tone: "ok" },
  failed: { word: "failed", icon: "failed", tone: "fail" },
  cancelling: { word: "cancelling", icon: "cancelling", tone: "" },
  cancelled: { word: "cancelled", icon: "cancelled", tone: "" },
  open: { word: "open", icon: "open", tone: "" },
  active: { word: "active", icon: "running", tone: "run" },
  paused: { word: "paused", icon: "paused", tone: "warn" },
  working: { word: "working", icon: "ok", tone: "ok" },
  idle: { word: "idle", icon: "waiting", tone: "" },
  stopped: { word: "stopped", icon: "failed", tone: "fail" },
  unknown: { word: "unknown", icon: "waiting", tone: "" },
};

const jobWords: Record<JobState, string> = {
  [JobState.UNSPECIFIED]: "unknown",
  [JobState.WAITING]: "waiting",
  [JobState.STARTING]: "starting",
  [JobState.QUEUED]: "queued",
  [JobState.RUNNING]: "running",
  [JobState.SUCCEEDED]: "succeeded",
  [JobState.FAILED]: "failed",
  [JobState.CANCELLING]: "cancelling",
  [JobState.CANCELLED]: "cancelled",
};

const batchWords: Record<BatchState, string> = {
  [BatchState.UNSPECIFIED]: "unknown",
  [BatchState.OPEN]: "open",
  [BatchState.ACTIVE]: "active",
  [BatchState.PAUSED]: "paused",
  [BatchState.CANCELLING]: "cancelling",
  [BatchState.SUCCEEDED]: "succeeded",
  [BatchState.FAILED]: "failed",
  [BatchState.CANCELLED]: "cancelled",
};

/** jobStates are the states of a job as the address and the filters name them. */
export const jobStates = Object.entries(jobWords)
  .map(([state, word]) => ({ state: Number(state) as JobState, word }))
  .filter((s) => s.state !== JobState.UNSPECIFIED);

/** jobLook is how a job's state is shown. A state that this page does not know is "unknown". */
export function jobLook(state: JobState): Look {
  return looks[jobWords[state] ?? "unknown"]!;
}

/** batchLook is how a batch's state is shown. An active batch none of whose jobs is under way is "waiting". */
export function batchLook(batch: Batch): Look {
  const c = batch.counts;
  const underWay = c ? c.starting + c.queued + c.running + c.cancelling : 0n;
  if (batch.state === BatchState.ACTIVE && underWay === 0n) return looks.waiting!;
  return looks[batchWords[batch.state] ?? "unknown"]!;
}

/** batchEnded says whether the batch has ended. */
export function batchEnded(state: BatchState): boolean {
  return state === BatchState.SUCCEEDED || state === BatchState.FAILED || state === BatchState.CANCELLED;
}

/** jobEnded says whether the job has ended. */
export function jobEnded(state: JobState): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

/** finished is how many jobs have ended. */
export function finished(c: JobCounts | undefined): number {
  return c ? Number(c.succeeded + c.failed + c.cancelled) : 0;
}

/** unfinished is how many jobs have not ended. */
export function unfinished(c: JobCounts | undefined): number {
  return c ? Number(c.waiting + c.starting + c.queued + c.running + c.cancelling) : 0;
}

/** accountLook says whether an account runs. */
export function accountLook(a: Account): Look {
  if (a.paused) return looks.paused!;
  if (a.breaker && a.breaker.state !== BreakerState.CLOSED && a.breaker.state !== BreakerState.UNSPECIFIED) return looks.stopped!;
  const code = a.wait?.code;
  if (code === WaitCode.ORGANISATION || code === WaitCode.DAILY_LIMIT) return looks.stopped!;
  if (a.runningCount + a.queuedCount + a.startingCount === 0 && code === WaitCode.IDLE) return looks.idle!;
  return looks.working!;
}

/** Why is a reason for waiting: what is so, and what happens or what to do. */
export interface Why {
  lead: string;
  more: string;
}

/** brief is what the platform said in an error of a call, without which call that was: "the API key is not valid (401)". */
export function brief(text: string): string {
  const [, status, said] = /^[A-Z]+ \S+: HTTP (\d+)(?:, code -?\d+)?: (.*?)(?: \(request [^()]*\))?$/.exec(text) ?? [];
  return said ? `${said} (${status})` : text;
}

/** why puts a reason for waiting into words. text is what the server says, for codes that this page does not know. */
export function why(wait: Wait | undefined, text: string, now: number): Why {
  if (!wait || wait.code === WaitCode.UNSPECIFIED) return { lead: sentence(text).replace(/\.$/, ""), more: "" };
  const said = brief(wait.text);
  const n = count(wait.count);
  const of = count(wait.limit);
  const jobs = plural(wait.count, "job");
  const since = wait.since ? moment(ms(wait.since), now) : "";
  const until = wait.until ? clock(ms(wait.until)) : "";
  const next = until ? `Next try ${until}.` : "";
  const join = (...parts: string[]) => parts.filter(Boolean).join(" ");
  switch (wait.code) {
    case WaitCode.IN_LINE:
      return { lead: "Other jobs go first", more: wait.position ? `Number ${count(wait.position)} in line.` : "" };
    case WaitCode.PRIORITY:
      return { lead: `${jobs} ${wait.count === 1n ? "goes" : "go"} first`, more: `${wait.count === 1n ? "It belongs to a batch" : "They belong to batches"} of a higher priority.` };
    case WaitCode.QUEUE_FULL:
      return { lead: `${n} of ${of} queued at Bitmovin`, more: "Nothing to do: the next starts as soon as an encoder takes one." };
    case WaitCode.PLATFORM_FULL:
      return { lead: "Bitmovin’s queue is full", more: join("It accepts no more at the moment.", next) };
    case WaitCode.COUNTING:
      return { lead: "Counting Bitmovin’s queue", more: "A start follows in seconds." };
    case WaitCode.CONFIGURING:
      return { lead: "Being configured", more: "The first encodings are prepared; a start follows in seconds." };
    case WaitCode.BACKOFF:
      return { lead: until ? `Next attempt ${until}` : "Before the next attempt", more: `It waits before attempt ${wait.attempt}.` };
    case WaitCode.BATCH_PAUSED:
      return { lead: since ? `Paused since ${since}` : "Paused", more: join(sentence(said), "What is at Bitmovin goes on.") };
    case WaitCode.ACCOUNT_PAUSED:
      return {
        lead: `Account ${wait.subject} is paused`,
        more: join(since && `Since ${since}.`, sentence(said), "What is at Bitmovin goes on."),
      };
    case WaitCode.ACCOUNT_MISSING:
      return { lead: `Account ${wait.subject} is not configured`, more: "It goes on once the account is in the server’s configuration again." };
    case WaitCode.BUDGET:
      return {
        lead: until ? `Calls used up until ${until}` : "Calls used up",
        more: `Those of class ${wait.subject}; somebody else may use this key.`,
      };
    case WaitCode.BREAKER:
      if (/\bHTTP 401\b/.test(wait.text)) return { lead: "Key refused (401)", more: join(next, "Put a valid key where the configuration reads it; no job loses an attempt.") };
      return { lead: "Bitmovin cannot be used", more: join(sentence(said), since && `Since ${since}.`, next, "No job loses an attempt.") };
    case WaitCode.STORAGE:
      return { lead: "A storage or the recipe is refused", more: join(sentence(said), next) };
    case WaitCode.ORGANISATION:
      return { lead: "The key is another organisation’s", more: join(sentence(said), next) };
    case WaitCode.PROBLEM:
      return { lead: "Calls for this batch fail", more: join(sentence(said), next) };
    case WaitCode.RECONCILING:
      return { lead: "Comparing with Bitmovin", more: join("What was started before is looked up first.", sentence(said)) };
    case WaitCode.DAILY_LIMIT:
      return { lead: `${n} of ${of} starts of the day made`, more: until ? `It goes on at ${moment(ms(wait.until), now)}.` : "" };
    case WaitCode.START:
      return { lead: "Being started", more: "Bitmovin’s answer follows in a moment." };
    case WaitCode.UNKNOWN_START:
      return { lead: "A start was not answered", more: join("It is looked up before it is repeated, so that nothing is paid for twice.", sentence(said)) };
    case WaitCode.ENCODER:
      return { lead: "Queued at Bitmovin", more: "It waits for a free encoder." };
    case WaitCode.UNKNOWN_STATUS:
      return { lead: "Bitmovin reports an unknown status", more: `“${said}” is not known to this server. The job keeps its state.` };
    case WaitCode.MISSING:
      return { lead: "Bitmovin does not show the encoding", more: join(since && `Since ${since}.`, sentence(said)) };
    case WaitCode.STOP:
      return { lead: wait.count > 1n ? `${n} encodings are being stopped` : "Being stopped", more: sentence(said) || "Bitmovin has not confirmed the end yet." };
    case WaitCode.MORE_JOBS:
      return { lead: "Open for more jobs", more: "All jobs so far have ended. It ends once it is closed." };
    case WaitCode.IDLE:
      return { lead: "Nothing to start", more: "No batch of this account has a job that is due." };
    default:
      return { lead: sentence(text).replace(/\.$/, ""), more: "" };
  }
}

const kinds: Record<FailureKind, string> = {
  [FailureKind.UNSPECIFIED]: "",
  [FailureKind.ENCODING]: "ENCODING",
  [FailureKind.TRANSFER]: "TRANSFER",
  [FailureKind.START]: "START",
  [FailureKind.CONFIGURE]: "CONFIGURE",
  [FailureKind.GONE]: "GONE",
};

/** failureKind is the kind of a failure in the contract's word. */
export const failureKind = (f: Failure) => kinds[f.kind] || "UNKNOWN";

/** failureLine is a failure in one line: the platform's words, and its code in brackets. */
export function failureLine(f: Failure): string {
  const code = f.code || f.httpStatus;
  const line = (f.text || f.messages[0] || f.category || "No reason was given").split("\n", 1)[0]!;
  return code && !line.includes(String(code)) ? `${line} (${code})` : line;
}
