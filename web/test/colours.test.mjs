// Nothing is told by a colour alone, and the colours stay apart for those who see fewer of them.
import { assert, ended, open, seen, submit, test, until } from "./harness.mjs";

/** What eyes with each deficiency make of red, green and blue, as linear light (Machado, Oliveira and Fernandes, 2009). */
const eyes = {
  "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
/** States that lie side by side in a bar or in a chart. */
const neighbours = [["ok", "fail"], ["ok", "run"], ["ok", "wait"], ["fail", "run"], ["fail", "wait"], ["fail", "warn"], ["run", "queue"], ["queue", "start"], ["queue", "wait"], ["start", "wait"]];

/** lab is a colour, as the eyes of a matrix see it, where distances are those that people see (CIE 1976). */
function lab(rgb, matrix) {
  const light = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, m, i) => sum + m * light[i], 0))));
  const f = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

for (const dark of [false, true]) {
  test(`the colours of neighbouring states stay apart for every eye, ${dark ? "dark" : "light"}`, async (t) => {
    const page = await open(t, "", { dark });
    await seen(page, "Batches");
    const colours = await page.evaluate((tones) => {
      const probe = document.body.appendChild(document.createElement("i"));
      return Object.fromEntries(
        tones.map((tone) => {
          probe.style.setProperty("color", `var(--${tone})`);
          return [tone, getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number)];
        }),
      );
    }, [...new Set(neighbours.flat())]);
    for (const [name, matrix] of Object.entries(eyes)) {
      for (const [a, b] of neighbours) {
        const [one, other] = [lab(colours[a], matrix), lab(colours[b], matrix)];
        const apart = Math.hypot(...one.map((v, i) => v - other[i]));
        assert.ok(apart >= 12, `${name}: ${a} and ${b} are ${apart.toFixed(1)} apart`);
      }
    }
  });
}

test("every state is told by a word and a shape", async (t) => {
  const bad = await submit(t, "in colours", ["broken/a.mov", "ok/b.mov", "flaky/c.mov"]);
  await ended(bad);
  const busy = await submit(t, "busy in colours", ["long/1.mov", "long/2.mov", "long/3.mov", "long/4.mov", "long/5.mov", "long/6.mov", "long/7.mov", "long/8.mov", "long/9.mov"]);
  await until(busy, (b) => b.counts?.running === "4" && b.counts?.queued === "3");
  const page = await open(t, "#/batches");
  const shapes = new Map();
  /** look collects how the states of a page look, and what its bars say. */
  const look = async () => {
    const { states, bars } = await page.evaluate(() => ({
      states: [...document.querySelectorAll(".st")].map((e) => ({
        word: e.textContent.trim() || (e.nextElementSibling?.textContent.trim() ?? ""),
        shape: [...e.querySelectorAll("path")].map((p) => p.getAttribute("d") + p.getAttribute("stroke-dasharray")).join(" "),
        count: /^[\d,]+/.test(e.textContent.trim()),
      })),
      bars: [...document.querySelectorAll("svg.bar:not([aria-hidden])")].map((e) => e.getAttribute("aria-label")),
    }));
    assert.ok(states.length > 0);
    for (const { word, shape, count } of states) {
      assert.notEqual(word, "", "a state without a word");
      if (count) continue; // under a head that says of what
      assert.notEqual(shape, "", `${word} has no shape`);
      assert.equal(shapes.get(word) ?? shape, shape, `${word} has two shapes`);
      shapes.set(word, shape);
    }
    for (const said of bars) assert.match(said ?? "", /\d/, "a bar that says nothing");
  };
  await page.getByRole("row", { name: /busy in colours/ }).waitFor();
  await look();
  for (const batch of [bad, busy]) {
    await page.goto(page.url().replace(/#.*/, `#/batches/${batch.number}`));
    await page.locator("#jobs .c-state").first().waitFor();
    await look();
  }
  await page.goto(page.url().replace(/#.*/, `#/batches/${bad.number}/jobs/1`));
  await seen(page, "Attempt 1");
  await look();
  const distinct = ["waiting", "queued", "running", "succeeded", "failed"].map((word) => shapes.get(word));
  assert.ok(distinct.every(Boolean), `not all were seen: ${[...shapes.keys()]}`);
  assert.equal(new Set(distinct).size, distinct.length, "two states have one shape");
});
