// The icons, as paths in a square of 16, and the mark.

export interface Shape {
  d: string;
  fill?: boolean;
  dash?: string;
  faint?: boolean;
}

const circle = (r: number) => `M8 ${8 - r}a${r} ${r} 0 1 1 0 ${2 * r}a${r} ${r} 0 1 1 0 ${-2 * r}z`;
const ring = circle(5.8);

export const icons: Record<string, Shape[]> = {
  waiting: [{ d: circle(5.6), dash: "2 2.4" }],
  starting: [{ d: "M8 2.4A5.6 5.6 0 0 1 13.6 8" }, { d: circle(5.6), faint: true }],
  queued: [{ d: "M3 4.5h10M3 8h10M3 11.5h6" }],
  running: [{ d: ring }, { d: "M6.6 5.7v4.6L10.4 8z", fill: true }],
  ok: [{ d: ring }, { d: "M5.4 8.2l1.8 1.8 3.4-3.8" }],
  failed: [{ d: "M5.6 2.3h4.8l3.3 3.3v4.8l-3.3 3.3H5.6l-3.3-3.3V5.6z" }, { d: "M6.1 6.1l3.8 3.8M9.9 6.1l-3.8 3.8" }],
  cancelling: [{ d: ring, dash: "2.6 2" }, { d: "M4.2 11.8l7.6-7.6" }],
  cancelled: [{ d: ring }, { d: "M4.2 11.8l7.6-7.6" }],
  open: [{ d: "M8 11V3.2M4.8 6.2L8 3l3.2 3.2M2.8 13h10.4" }],
  paused: [{ d: ring }, { d: "M6.4 5.8v4.4M9.6 5.8v4.4" }],
  warning: [{ d: "M8 2.4L14.2 13H1.8z" }, { d: "M8 6.6v3M8 11.4v.01" }],
  search: [{ d: "M7 2.6a4.4 4.4 0 1 1 0 8.8a4.4 4.4 0 1 1 0-8.8z" }, { d: "M10.4 10.4l3.2 3.2" }],
  copy: [{ d: "M7 5.6h4.8q1.4 0 1.4 1.4v4.8q0 1.4-1.4 1.4H7q-1.4 0-1.4-1.4V7q0-1.4 1.4-1.4z" }, { d: "M3.4 10.2H3V3h7.2v.4" }],
  edit: [{ d: "M10.6 3.2l2.2 2.2-7 7-2.8.6.6-2.8z" }],
  close: [{ d: "M4 4l8 8M12 4l-8 8" }],
  more: [{ d: "M3.4 8h.01M8 8h.01M12.6 8h.01" }],
  arrow: [{ d: "M3 8h9.4M9 4.6L12.4 8L9 11.4" }],
  outside: [{ d: "M6.4 3.4H3.2v9.4h9.4V9.6M9.2 3.2h3.6v3.6M12.6 3.4L7.4 8.6" }],
  file: [{ d: "M4 2.4h5l3 3v8.2H4z" }, { d: "M9 2.4v3h3" }],
  tray: [{ d: "M2.6 9.2l1.8-5.8h7.2l1.8 5.8v3.4H2.6zM2.8 9.2h3l.8 1.6h2.8l.8-1.6h3" }],
  lock: [{ d: "M4.8 7h6.4q1.4 0 1.4 1.4V12q0 1.4-1.4 1.4H4.8q-1.4 0-1.4-1.4V8.4q0-1.4 1.4-1.4z" }, { d: "M5.4 7V5.2a2.6 2.6 0 0 1 5.2 0V7" }],
  broken: [{ d: "M2.4 8h3M10.6 8h3M7 5.2a3 3 0 0 0 0 5.6M9 5.2a3 3 0 0 1 0 5.6" }],
};

export const mark = [
  "M9.4.8c.5 2.6 4.9 4.7 4.9 9.3A5.3 5.3 0 0 1 9 15.4a5.3 5.3 0 0 1-5.3-5.3c0-2.2 1.2-3.6 2.1-4.9.3 1.3.8 1.9 1.5 2.3C7 5.2 7.6 2.5 9.4.8z",
  "M3.25 16.2h11.5a.75.75 0 0 1 0 1.5H3.25a.75.75 0 0 1 0-1.5z",
];
