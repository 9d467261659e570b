// Marks on a time axis, at times that people name.

import { clock } from "./format";

const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((s) => s * 1000);
const dayMark = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });

/** stepFor is a span of time of which few enough fit: the shortest of which at most most do. */
export function stepFor(span: number, most: number): number {
  return steps.find((s) => span / s <= most) ?? steps.at(-1)! * Math.ceil(span / steps.at(-1)! / most);
}

/** marks are the times to name between two, with their words. */
export function marks(from: number, to: number, most: number): { at: number; word: string }[] {
  const step = stepFor(to - from, most);
  const found: { at: number; word: string }[] = [];
  // Steps are counted from the local midnight.
  const midnight = new Date(from).setHours(0, 0, 0, 0);
  for (let at = midnight + Math.ceil((from - midnight) / step) * step; at <= to; at += step) {
    const word = step >= 86_400_000 ? dayMark.format(at) : step < 60_000 ? clock(at) : clock(at).slice(0, 5);
    found.push({ at, word });
  }
  return found;
}
