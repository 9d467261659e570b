// Light and dark, wide and narrow, for the keyboard alone and for screen readers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assert, call, ended, fits, isLive, open, seen, submit, test, until } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** accessible says that axe finds nothing. axe comes in past the page's policy, which allows no foreign script. */
async function accessible(page, where) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const said = violations.flatMap((v) => v.nodes.map((n) => `${where}: ${v.id} at ${n.target}: ${n.failureSummary}`));
  assert.deepEqual(said, []);
}

for (const [size, dark] of [["wide", false], ["wide", true], ["middle", false], ["narrow", false], ["narrow", true]]) {
  test(`each page, ${size}, ${dark ? "dark" : "light"}: readable, and nothing scrolls sideways`, async (t) => {
    const bad = await submit(t, `a batch with a name that is rather long, as people write them when they are in no hurry${"-".repeat(99)}x`, ["missing/a-very-long-directory-name/and-another-one/title-of-some-length.mov", "broken/b.mov", "ok/c.mov"], { labels: { team: "vod", run: "nightly", note: "n".repeat(255) } });
    await ended(bad);
    const batch = await submit(t, `under way ${size} ${dark}`, ["long/1.mov", "long/2.mov", "long/3.mov", "long/4.mov", "long/5.mov", "long/6.mov", "long/7.mov", "long/8.mov", "long/9.mov"]);
    await until(batch, (b) => b.counts?.running === "4" && b.counts?.queued === "3");
    const page = await open(t, "#/batches", { size, dark });
    const look = async (where, hash, ready) => {
      if (hash) await page.goto(page.url().replace(/#.*/, hash));
      await ready();
      await isLive(page);
      await fits(page);
      await accessible(page, where);
    };
    await look("batches", "", () => page.getByRole("row", { name: `under way ${size} ${dark}` }).waitFor());
    await look("batch", `#/batches/${batch.number}`, () => page.getByRole("row", { name: /long\/9/ }).waitFor());
    await look("failed batch", `#/batches/${bad.number}`, () => page.getByRole("row", { name: /broken\/b/ }).waitFor());
    await look("nothing matches", `#/batches/${bad.number}?text=nobody`, () => seen(page, /^None of 3 jobs matches$/));
    await look("job", `#/batches/${bad.number}/jobs/1`, () => seen(page, "Attempt 1"));
    await look("account", "#/accounts/default", () => seen(page, "encoding-create"));
    await look("submit", "#/submit?sample=yes", () => seen(page, "no mistakes"));
    await page.getByLabel("List of jobs").setInputFiles({ name: "bad.csv", mimeType: "text/csv", buffer: Buffer.from("key,input_path\na,in/a.mov\na,in/b.mov\n") });
    await look("mistakes", "", () => seen(page, /\d mistakes?$/));
    await look("no such batch", "#/nowhere", () => seen(page, "There is no such page").then(() => page.goto(page.url().replace(/#.*/, "#/batches"))));
    await page.keyboard.press("?");
    await look("keyboard help", "", () => page.getByRole("dialog").waitFor());
    await page.keyboard.press("Escape");
    await page.goto(page.url().replace(/#.*/, `#/batches/${batch.number}`));
    await page.getByRole("button", { name: "Cancel…", exact: true }).click();
    await look("a question", "", () => page.getByRole("dialog").waitFor());
  });
}

test("everything goes by the keyboard alone", async (t) => {
  const batch = await submit(t, "by keyboard", ["broken/1.mov", "broken/2.mov", "ok/3.mov"]);
  await ended(batch);
  const page = await open(t);
  await page.getByRole("row", { name: /by keyboard/ }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("by keyboard");
  await seen(page, /^1 of 1 batch$/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /broken\/2/ }).waitFor();
  await page.keyboard.press("n");
  await page.keyboard.press("n");
  assert.match(page.url(), /job=2/);
  await page.keyboard.press("x");
  await seen(page, "1 marked");
  await page.keyboard.press("k");
  await page.keyboard.press("X");
  await seen(page, "2 marked");
  await page.keyboard.press("r");
  await page.getByRole("dialog").getByRole("heading", { name: "Retry 2 jobs?" }).waitFor();
  await page.keyboard.press("Tab");
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  while ((await focused()) !== "Retry 2 jobs") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await seen(page, /^2 jobs of “by keyboard”/);
  await until(batch, (b) => b.counts.failed === "2");
  assert.equal((await call("BatchService/GetJob", { job_id: `${batch.number}/2` })).job.attempt, 2);

  await page.keyboard.press("y");
  await seen(page, "Copied the id of job 1");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("heading", { level: 1, name: /default|archive/ }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { level: 1, name: "Submit a list" }).waitFor();
  assert.equal(await focused(), "Submit a list", "a new page is read out");
  for (const [hash, title] of [[`#/batches/${batch.number}`, /^by keyboard/], [`#/batches/${batch.number}/jobs/1`, /^broken\/1/], ["#/accounts/archive", /^archive/]]) {
    await page.goto(page.url().replace(/#.*/, hash));
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    await page.waitForFunction(() => document.activeElement.tagName === "H1");
    assert.match(await focused(), title, "its own heading is read out");
  }
});

test("times are local, with UTC beside them", async (t) => {
  const batch = await submit(t, "times", ["ok/1.mov"]);
  const done = await ended(batch);
  const page = await open(t, `#/batches/${batch.number}/jobs/1`);
  const time = page.locator("dd time").last();
  await time.waitFor();
  const at = new Date((await call("BatchService/GetJob", { job_id: `${batch.number}/1` })).job.update_time);
  const local = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  assert.equal((await time.textContent()).trim(), local);
  assert.equal(await time.getAttribute("title"), `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`);
  assert.ok(done);
});

test("the focus stays near what it was at, when that goes away", async (t) => {
  const batch = await submit(t, "in focus", ["long/f1.mov", ...Array.from({ length: 90 }, (_, i) => `long/f${i + 2}.mov`)]);
  const page = await open(t, `#/batches/${batch.number}`);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent.trim());
  await page.getByRole("row", { name: /long\/f1 / }).waitFor();
  // A dialog that a menu opened.
  await page.getByRole("button", { name: /^More for/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Change priority…" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.match(await focused(), /^More for/);
  // A button whose action is done.
  await page.getByRole("button", { name: "Pause", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: /paused/ }).waitFor();
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor({ state: "detached" });
  assert.match(await focused(), /^in focus/);
  // A row that is scrolled away.
  await page.getByRole("link", { name: "long/f1", exact: true }).focus();
  const box = page.getByRole("region", { name: "List of jobs" });
  await box.evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.getByRole("row", { name: /long\/f91 / }).waitFor();
  assert.equal(await focused(), "List of jobs");
  // What a reader has left on purpose is not taken back.
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => new Promise((done) => setTimeout(done)));
  await box.evaluate((e) => (e.scrollTop = 0));
  await page.getByRole("row", { name: /long\/f1 / }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "BODY");
});
