// Numbers, times and spans as people read them: thousands with commas, local time with UTC beside it, no guesses.

import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";

const thin = "\u2009";
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** count is a number with commas: 12,000. */
export function count(n: number | bigint): string {
  return whole.format(n);
}

/** plural is a number with its noun: "1 job", "12,000 jobs". */
export function plural(n: number | bigint, one: string, many = one + "s"): string {
  return `${count(n)} ${Number(n) === 1 ? one : many}`;
}

/** percent rounds down, so that 100 % means all. */
export function percent(value: number, decimals = 0): string {
  const scale = 10 ** decimals;
  return (Math.floor(value * scale + 1e-9) / scale).toFixed(decimals) + thin + "%";
}

/** share is a small part of a whole, with two decimals: 0.14 %. */
export function share(part: number, all: number): string {
  const value = (100 * part) / all;
  return (value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)) + thin + "%";
}

/** bytes is a size: 1.4 MB. */
export function bytes(n: number): string {
  if (n < 1000) return plural(n, "byte");
  if (n < 1e6) return `${Math.round(n / 1000)} kB`;
  return `${(n / 1e6).toFixed(1)} MB`;
}

/** ms is a time of the contract in milliseconds since 1970; 0 if it is unset. */
export function ms(t: Timestamp | undefined): number {
  return t ? timestampMs(t) : 0;
}

const second = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const zoneName = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

/** clock is the time of day with seconds: 14:02:31. */
export const clock = (at: number) => second.format(at);

/** zone is the name of the local time zone at a time: CET. */
export function zone(at: number): string {
  return zoneName.formatToParts(at).find((p) => p.type === "timeZoneName")?.value ?? "";
}

/** utc is a time in UTC, as titles show it: 2026-11-29 13:02:31 UTC. */
export function utc(at: number): string {
  return at ? new Date(at).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC") : "";
}

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** dayOf is the day of a time as seen from now: "" for today, Sat within a week, else 21 Nov. */
export function dayOf(at: number, now: number): string {
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  if (days === 0) return "";
  if (Math.abs(days) < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? day.format(at) : year.format(at);
}

/** moment is a time with its day unless that is today: Sat 23:48. */
export function moment(at: number, now: number, seconds = false): string {
  if (!at) return "–";
  const d = dayOf(at, now);
  return (d ? d + " " : "") + (seconds ? second : minute).format(at);
}

/** range is the time between which something is expected: 20:20–21:30. */
export function range(from: number, to: number, now: number): string {
  if (minute.format(from) === minute.format(to) && dayOf(from, now) === dayOf(to, now)) return moment(from, now);
  const end = dayOf(to, from) ? moment(to, now) : minute.format(to);
  return `${moment(from, now)}–${end}`;
}

/** span is how long something takes: 31 s, 4:03, 9 h 41, 3 d 2 h. */
export function span(duration: number): string {
  const s = Math.max(0, Math.round(duration / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  const m = Math.floor(s / 60);
  if (m < 48 * 60) return `${Math.floor(m / 60)} h ${String(m % 60).padStart(2, "0")}`;
  const h = Math.floor(m / 60);
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** roughly is a span as people tell it: 31 s, 18 min, 6 h 18, 13 h. */
export function roughly(duration: number): string {
  return duration < 60_000 ? span(duration) : about(duration);
}

/** about is a span in minutes at least, for forecasts: 18 min, 6 h 18, 13 h. */
export function about(duration: number): string {
  const m = Math.max(1, Math.round(duration / 60_000));
  if (m < 60) return `${m} min`;
  if (m < 10 * 60) return `${Math.floor(m / 60)} h ${String(m % 60).padStart(2, "0")}`;
  const h = Math.round(m / 60);
  return h < 48 ? `${h} h` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** spread is the range of a forecast as a span from now: "in 18 to 24 min". */
export function spread(from: number, to: number, now: number): string {
  const a = about(from - now);
  const b = about(to - now);
  if (from <= now) return `within ${b}`;
  if (a === b) return `in ${a}`;
  const unit = / (min|h|d)$/.exec(a)?.[0];
  return `in ${unit && b.endsWith(unit) ? a.slice(0, -unit.length) : a} to ${b}`;
}

/** short keeps the ends of an id: 01a20f4c…8e11. */
export function short(id: string, head = 8, tail = 4): string {
  return id.length > head + tail + 1 ? `${id.slice(0, head)}…${id.slice(-tail)}` : id;
}

/** sentence begins with a capital and ends with a full stop. */
export function sentence(text: string): string {
  if (!text) return "";
  const s = text[0]!.toUpperCase() + text.slice(1);
  return /[.!?…”]$/.test(s) ? s : s + ".";
}
