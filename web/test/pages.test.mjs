// Each page says what its reader came for.
import { ended, assert, call, goTo, isLive, open, seen, submit, test, until } from "./harness.mjs";

test("the list shows what runs, what failed and of what, and why the rest waits", async (t) => {
  const failed = await submit(t, "has failures", ["markup/a.mov", "markup/b.mov", "broken/c.mov", "ok/d.mov"]);
  await ended(failed);
  const long = await submit(t, "long run", ["long/1.mov", "long/2.mov", "long/3.mov", "long/4.mov", "long/5.mov", "long/6.mov", "long/7.mov", "long/8.mov", "long/9.mov"]);
  await until(long, (b) => b.counts?.running === "4" && b.counts?.queued === "3");
  const page = await open(t);
  const row = page.getByRole("row", { name: /long run/ });
  await row.getByText("active").waitFor();
  await row.getByText("3 of 3 queued at Bitmovin").waitFor();
  const other = page.getByRole("row", { name: /has failures/ });
  await other.getByText("2 × <b>Bold</b> & sent by the platform (10001), and 1 more cause").waitFor();
  assert.equal(await page.locator("b:text-is('Bold')").count(), 0, "text from the platform became markup");
  await page.getByRole("list", { name: "Accounts" }).getByText("4 running, 3 of 3 queued").waitFor();

  await page.getByRole("searchbox", { name: "Search batches by name" }).fill("LONG");
  await other.waitFor({ state: "detached" });
  assert.match(page.url(), /text=LONG/);
  await page.getByRole("searchbox", { name: "Search batches by name" }).fill("nobody");
  await seen(page, /^None of \d+ batches matches$/);
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await other.waitFor();
  await page.getByRole("radio", { name: /^Failed/ }).click();
  await row.waitFor({ state: "detached" });
  await other.waitFor();
});

test("the list says of what jobs of an active batch fail", async (t) => {
  const batch = await submit(t, "failing on", ["broken/f1.mov", "missing/f2.mov", "long/f3.mov"]);
  await until(batch, (b) => b.counts?.failed === "2" && b.counts?.running === "1");
  const page = await open(t);
  const row = page.getByRole("row", { name: /failing on/ });
  await row.getByText("active").waitFor();
  await row.getByText(/^1 × .*, and 1 more cause$/).waitFor();
});

test("a new batch waits until it is asked for, and rows keep their place", async (t) => {
  const first = await submit(t, "first", ["long/f1.mov"]);
  const page = await open(t);
  await page.getByRole("row", { name: /^first/ }).waitFor();
  const second = await submit(t, "second", ["long/s1.mov"]);
  await seen(page, "1 batch is new or has ended.");
  assert.equal(await page.getByRole("row", { name: /^second/ }).count(), 0);
  await page.getByRole("button", { name: "Show it" }).click();
  await page.getByRole("row", { name: /^second/ }).waitFor();
});

test("a batch is live: four answers, causes, jobs", async (t) => {
  const paths = ["missing/x.mov", "broken/y.mov", "ok/1.mov", "ok/2.mov", "long/w1.mov", "long/w2.mov", "long/w3.mov", "long/w4.mov", "long/w5.mov", "long/w6.mov", "long/w7.mov", "long/w8.mov"];
  const batch = await submit(t, "night run", paths, { labels: { team: "vod" } });
  const page = await open(t, `#/batches/${batch.number}`);
  const glance = page.getByRole("region", { name: "At a glance" });
  await glance.getByText("4 of 12 finished").waitFor();
  await glance.getByText("2 causes").waitFor();
  await glance.getByText("3 of 3 queued at Bitmovin").waitFor();
  const causes = page.locator("section", { has: page.getByRole("heading", { name: "Failures by cause" }) });
  await causes.getByText("The input file could not be decoded (10003)").waitFor();
  await page.getByText("team=vod").waitFor();

  await causes.getByRole("row", { name: /not found/ }).getByRole("button", { name: "Show" }).click();
  assert.match(page.url(), /cause=.+state=failed|state=failed.+cause=/);
  await seen(page, "1 job matches");
});

test("a link to a filter shows the same", async (t) => {
  const batch = await submit(t, "filters", ["clips/a.mov", "clips/b.mov", "flaky/c.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}?key=clips/&state=succeeded&job=2`);
  await seen(page, "2 jobs match");
  await seen(page, "key begins with clips/");
  assert.equal(await page.getByRole("row", { name: /clips\/b/ }).getAttribute("aria-current"), "true");
  await page.getByRole("button", { name: "Remove this filter" }).click();
  await seen(page, "3 jobs match");
  await page.getByRole("row", { name: /flaky\/c/ }).getByText("after 1 retry").waitFor();
});

test("a job says its error first, then its attempts and history", async (t) => {
  const batch = await submit(t, "one bad", ["broken/only.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}/jobs/1`);
  await page.getByRole("heading", { level: 1, name: /broken\/only/ }).waitFor();
  await page.getByRole("heading", { level: 2, name: /The input file could not be decoded \(10003\)/ }).waitFor();
  await seen(page, "NO_RETRY");
  await seen(page, "Attempt 1");
  await seen(page, "submitted");
  await seen(page, `stoker job ${batch.number}/1`);
  const { job } = await call("BatchService/GetJob", { job_id: `${batch.number}/1` });
  await page.getByRole("button", { name: "Copy the job id" }).click();
  await seen(page, "Copied the job id");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), job.id);
});

test("a job leads to its encoding at Bitmovin, but not at a simulator", async (t) => {
  const batch = await submit(t, "elsewhere", ["broken/e.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}/jobs/1`);
  await seen(page, "simulated, not at Bitmovin");
  const link = page.getByRole("link", { name: "Open at Bitmovin" });
  assert.equal(await link.count(), 0);
  // The same with accounts that are not simulated: field 33 is false.
  await page.route("**/stoker.v1.AccountService/ListAccounts", async (route) => {
    const answer = await route.fetch({ headers: { ...route.request().headers(), "sec-fetch-site": "same-origin" } });
    const body = Buffer.from((await answer.body()).toString("latin1").replaceAll("\x88\x02\x01", "\x88\x02\x00"), "latin1");
    await route.fulfill({ response: answer, body });
  });
  await page.reload();
  const { job } = await call("BatchService/GetJob", { job_id: `${batch.number}/1` });
  await link.waitFor();
  assert.equal(await link.getAttribute("href"), `https://dashboard.bitmovin.com/encoding/encodings/${job.encoding_id}`);
});

test("an account shows queue, target and calls", async (t) => {
  const page = await open(t, "#/accounts/archive");
  await page.getByRole("heading", { level: 1, name: /archive/ }).waitFor();
  await seen(page, "Queued of target");
  await seen(page, "encoding-create");
  await page.getByRole("navigation", { name: "Accounts" }).getByText("default").click();
  await page.getByRole("heading", { level: 1, name: /default/ }).waitFor();
  await page.getByRole("radio", { name: "6 h" }).click();
  assert.match(page.url(), /span=6h/);
});

test("what does not exist is said in a sentence", async (t) => {
  const page = await open(t, "#/batches/4711000", { lost: true });
  await seen(page, "There is no batch “4711000”");
  await page.goto(page.url().replace(/#.*/, "#/batches/4711000/jobs/1"));
  await seen(page, "There is no job “4711000/1”");
  await page.goto(page.url().replace(/#.*/, "#/accounts/nobody"));
  await seen(page, "There is no account “nobody”");
  await page.goto(page.url().replace(/#.*/, "#/nowhere"));
  await seen(page, "There is no such page");
});

test("what is typed into a search stays as it is typed, and counts on its own page only", async (t) => {
  const batch = await submit(t, "night run of one", ["ok/night.mov"]);
  await ended(batch);
  const page = await open(t, "#/nowhere");
  await page.clock.install();
  await goTo(page, "#/batches");
  const search = page.getByRole("searchbox");
  await page.getByRole("row", { name: /night run of one/ }).waitFor();
  await page.clock.pauseAt(Date.now() + 5_000);
  await search.pressSequentially("night ");
  await page.clock.runFor(300);
  assert.match(page.url(), /text=night$/);
  await search.pressSequentially("run");
  assert.equal(await search.inputValue(), "night run");
  await page.clock.runFor(300);
  assert.match(page.url(), /text=night\+run$/);
  await search.pressSequentially(" of");
  await page.getByRole("link", { name: "night run of one" }).click();
  await page.getByRole("heading", { level: 1, name: /night run of one/ }).waitFor();
  await page.clock.runFor(1000);
  assert.doesNotMatch(page.url(), /text=/);
  // A link that was typed by hand.
  await goTo(page, `#/batches/${batch.number}?text=what?`);
  await page.getByText("has “what?”").waitFor();
});

test("a short text is not looked for in the ids of encodings, a long one is", async (t) => {
  const batch = await submit(t, "short text", ["ok/q.mov"]);
  await ended(batch);
  const { job } = await call("BatchService/GetJob", { job_id: `${batch.number}/1` });
  const page = await open(t, `#/batches/${batch.number}?text=${job.encoding_id.slice(0, 2)}`);
  await seen(page, "None of 1 job matches");
  await page.getByRole("searchbox").fill(job.encoding_id);
  await page.getByRole("row", { name: /ok\/q/ }).waitFor();
});

test("batches that end all at once are shown with their end, and none is lost", async (t) => {
  const made = [];
  for (let i = 0; i < 23; i++) made.push(await submit(t, `at once ${i}`, ["long/o.mov"], { priority: 0, keep_open: true }));
  const page = await open(t, "#/batches?text=at once", { lost: true });
  const rows = page.getByRole("row", { name: /at once/ });
  await rows.nth(22).waitFor();
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await Promise.all(made.map((b) => call("BatchService/CancelBatch", { batch_id: b.id })));
  await Promise.all(made.map((b) => ended(b)));
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await seen(page, "23 batches are new or have ended.");
  assert.equal(await rows.getByText("cancelled", { exact: true }).count(), 23);
  assert.equal(await rows.count(), 23, "a batch stands twice");
  await page.getByRole("button", { name: "Show them" }).click();
  await seen(page, "23, latest first");
  assert.equal(await rows.count(), 23);
});

test("a batch that is retried leaves the finished ones, and one that is resumed the paused ones", async (t) => {
  const batch = await submit(t, "there and back", ["broken/r.mov"]);
  await ended(batch);
  const paused = await submit(t, "resumed elsewhere", ["long/r.mov"]);
  await call("BatchService/PauseBatch", { batch_id: paused.id });
  const page = await open(t, "#/batches?text=there and back");
  const rows = page.getByRole("row", { name: /there and back/ });
  await rows.getByText("failed", { exact: true }).first().waitFor();
  const list = await open(t, "#/batches?show=paused&text=resumed elsewhere");
  await list.getByRole("row", { name: /resumed elsewhere/ }).waitFor();
  await call("AccountService/PauseAccount", { account_id: "default" });
  t.after(() => call("AccountService/ResumeAccount", { account_id: "default" }));
  await call("BatchService/RetryJobs", { batch_id: batch.id });
  await page.locator("tr.group", { hasText: "Unfinished" }).waitFor();
  await call("BatchService/ResumeBatch", { batch_id: paused.id });
  await seen(list, "1 batch is new or goes on.");
  await list.getByRole("button", { name: "Show it" }).click();
  await seen(list, /^(None of .*|No batch) matches$/);
  assert.equal(await rows.count(), 1, "the batch stands twice");
});

test("more of a list that cannot be had leaves what is there", async (t) => {
  const made = [];
  for (let i = 0; i < 51; i++) made.push((await call("BatchService/SubmitBatch", { display_name: `of fifty ${i}`, keep_open: true })).batch);
  await Promise.all(made.map((b) => call("BatchService/CancelBatch", { batch_id: b.id })));
  const page = await open(t, "#/batches?text=of fifty", { lost: true });
  const rows = page.getByRole("row", { name: /of fifty/ });
  await rows.nth(49).waitFor();
  await isLive(page);
  await page.route("**/stoker.v1.BatchService/ListBatches", (route) => route.abort(), { times: 1 });
  await page.getByRole("button", { name: "Show 50 more" }).click();
  await page.getByRole("alert").getByText(/^Not shown: /).waitFor();
  assert.equal(await rows.count(), 50);
  await page.getByRole("button", { name: "Show 50 more" }).click();
  await rows.nth(50).waitFor();
});

test("an audit filter that is refused is left by another one", async (t) => {
  const page = await open(t, `#/audit?target=${"x".repeat(301)}`, { lost: true });
  await seen(page, "The audit log cannot be shown");
  await page.getByRole("searchbox", { name: /^Id/ }).fill("");
  await seen(page, /latest first$/);
});

test("where the clocks change, the days of a chart keep their names", async (t) => {
  const batch = await submit(t, "half a year", ["long/y.mov"]);
  const zone = "Australia/Sydney";
  const offset = (at) => Number(/GMT\+(\d+)/.exec(new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "shortOffset" }).format(at))[1]);
  const day = 86_400_000;
  let change = new Date(batch.create_time).getTime();
  while (offset(change + day) >= offset(change)) change += day;
  const page = await open(t, "#/nowhere", { zone });
  await page.clock.install({ time: change + 100 * day });
  await goTo(page, `#/batches/${batch.number}`);
  await page.reload();
  await page.locator("svg.chart").first().waitFor();
  const days = (await page.locator("svg.chart text").allTextContents()).map((s) => /^(\w{3}) \d+$/.exec(s.trim())?.[1]).filter(Boolean);
  const numbers = days.map((d) => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(d));
  const steps = new Set(numbers.slice(1).map((n, i) => (n - numbers[i] + 7) % 7));
  assert.ok(days.length > 2);
  assert.equal(steps.size, 1, `the marks are ${days}`);
});

test("of more unfinished batches than a list shows, all are counted", async (t) => {
  const made = [];
  t.after(() => Promise.all(made.map((b) => call("BatchService/CancelBatch", { batch_id: b.id }))));
  for (let i = 0; i < 202; i++) made.push((await call("BatchService/SubmitBatch", { display_name: `stays open ${i}`, keep_open: true })).batch);
  const page = await open(t, "#/batches?text=stays open");
  await page.getByRole("row", { name: /stays open/ }).nth(199).waitFor();
  await page.locator("tr.group", { hasText: "Unfinished202" }).waitFor();
  await seen(page, "200 of 202 batches");
});
