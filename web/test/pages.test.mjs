// Each page says what its reader came for.
import { ended, assert, call, open, seen, submit, test, until } from "./harness.mjs";

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
