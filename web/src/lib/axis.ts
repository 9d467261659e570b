// Marks on a time axis, at times that people name.

import { clock } from "./format";

const day = 86_400_000;
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
  // Steps are counted from the local midnight, and whole days by the calendar: where the clocks change, a day has 23 or 25 hours.
  const midnight = new Date(from).setHours(0, 0, 0, 0);
  const nth = (n: number) => (step < day ? midnight + n * step : new Date(midnight).setDate(new Date(midnight).getDate() + (n * step) / day));
  for (let n = Math.ceil((from - midnight) / step); nth(n) <= to; n++) {
    const word = step >= day ? dayMark.format(nth(n)) : step < 60_000 ? clock(nth(n)) : clock(nth(n)).slice(0, 5);
    found.push({ at: nth(n), word });
  }
  return found;
}
