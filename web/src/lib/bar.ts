// How many jobs are in each state, as the parts of a bar: what has ended left, what is at the platform in the middle,
// what waits right.

import { JobState, type JobCounts } from "../gen/stoker/v1/batch_pb";
import { count } from "./format";

export interface Part {
  tone: string;
  count: number;
  word: string;
  state: JobState;
}

const order: { tone: string; word: keyof Omit<JobCounts, "$typeName" | "$unknown">; state: JobState }[] = [
  { tone: "ok", word: "succeeded", state: JobState.SUCCEEDED },
  { tone: "fail", word: "failed", state: JobState.FAILED },
  { tone: "gone", word: "cancelled", state: JobState.CANCELLED },
  { tone: "gone", word: "cancelling", state: JobState.CANCELLING },
  { tone: "run", word: "running", state: JobState.RUNNING },
  { tone: "queue", word: "queued", state: JobState.QUEUED },
  { tone: "start", word: "starting", state: JobState.STARTING },
  { tone: "wait", word: "waiting", state: JobState.WAITING },
];

export type Counts = Partial<Record<(typeof order)[number]["word"], bigint>>;

/** partsOf are the states that have jobs, in their order. */
export function partsOf(counts: Counts | undefined): Part[] {
  return order
    .map((o) => ({ tone: o.tone, count: Number(counts?.[o.word] ?? 0n), word: o.word, state: o.state }))
    .filter((p) => p.count > 0);
}

/** inWords says the parts as a list: "320,809 succeeded, 437 failed". */
export function inWords(parts: Part[]): string {
  return parts.map((p) => `${count(p.count)} ${p.word}`).join(", ");
}

/** layOut places the parts on a bar of 1000 units. Each gets at least least units, and gap lies between two. What waits
 * is the ground of the bar and has no rectangle. */
export function layOut(parts: Part[], least: number, gap = 2.5): { tone: string; x: number; width: number }[] {
  const all = parts.reduce((sum, p) => sum + p.count, 0);
  const shown = parts.filter((p) => p.tone !== "wait");
  if (all === 0) return [];
  const widths = shown.map((p) => Math.max(least, (1000 * p.count) / all));
  const room = shown.length === parts.length ? 1000 - gap * (shown.length - 1) : Math.max(0, 1000 - least - gap * shown.length);
  let over = widths.reduce((sum, w) => sum + w, 0) - room;
  // The widest give what the smallest were given.
  while (over > 0.01) {
    const widest = widths.indexOf(Math.max(...widths));
    const give = Math.min(over, Math.max(0, widths[widest]! - least));
    if (give <= 0) break;
    widths[widest]! -= give;
    over -= give;
  }
  if (shown.length === parts.length && over < 0 && widths.length > 0) widths[widths.length - 1]! -= over;
  let x = 0;
  return shown.map((p, i) => {
    const at = { tone: p.tone, x, width: widths[i]! };
    x += widths[i]! + gap;
    return at;
  });
}
