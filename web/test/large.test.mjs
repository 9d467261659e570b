// A batch of 100,000 jobs is live, and few of its rows are in the document. Times and heap are measured by bench.mjs.
import { assert, call, goTo, isLive, open, seen, test } from "./harness.mjs";
import { makeLarge } from "./large.mjs";

test("100,000 jobs: all known, filtered at once, at most 25 rows in the document", async (t) => {
  const batch = await makeLarge(t);
  const page = await open(t, `#/batches/${batch.number}`);
  page.setDefaultTimeout(60_000);
  await isLive(page);
  await page.getByRole("radio", { name: "All 100,000" }).waitFor();
  const rows = () => page.locator("#jobs tbody tr:not(.space)").count();
  assert.ok((await rows()) <= 25, `${await rows()} rows are in the document`);

  const box = page.getByRole("region", { name: "List of jobs" });
  await box.evaluate((e) => (e.scrollTop = e.scrollHeight / 2));
  await page.getByRole("row", { name: /^Mark job 5000\d / }).first().waitFor();
  assert.ok((await rows()) <= 25);
  await box.evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.getByRole("row", { name: /title-100000/ }).waitFor();

  await page.getByRole("searchbox", { name: /Search jobs/ }).fill("title-4242");
  await seen(page, "11 jobs match");
  await page.keyboard.press("Escape");
  for (const key of ["j", "j", "j", "Enter"]) await page.keyboard.press(key);
  await page.getByRole("heading", { level: 1, name: /title-42421/ }).waitFor();
  await page.goBack();
  await seen(page, "11 jobs match");

  // Changes arrive.
  await call("BatchService/CancelJobs", { batch_id: batch.id, key_prefix: "title-42421", reason: "not this one" });
  await page.getByRole("row", { name: /title-42421/ }).getByText("“not this one”").waitFor();
});

test("more than 150,000 jobs: the server's list, page by page, for the keyboard too, and as it is now", async (t) => {
  const batch = await makeLarge(t, 100_000, { keep_open: true });
  const jobs = Array.from({ length: 50_001 }, (_, i) => ({ key: `more-${i + 1}`, input_path: `long/more/${i + 1}.mov` }));
  await call("BatchService/AddJobs", { batch_id: batch.id, jobs });
  await call("BatchService/PauseBatch", { batch_id: batch.id });
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  page.setDefaultTimeout(60_000);
  await page.getByRole("row", { name: /title-1 / }).waitFor();
  await isLive(page);
  let asked = 0;
  page.on("request", (r) => (asked += r.url().endsWith("/ListJobs")));
  for (const key of ["j", "j", "j", "j"]) await page.keyboard.press(key);
  await page.evaluate(() => fetch("stoker.svg"));
  assert.ok(asked < 4, "the list is loaded anew for each row that the keyboard goes to");
  assert.match(page.url(), /job=4$/);
  await page.getByRole("row", { name: /title-4 / }).and(page.locator("[aria-current=true]")).waitFor();

  // A page that could not be had is asked for again.
  const url = "**/stoker.v1.BatchService/ListJobs";
  await page.route(url, (route) => route.abort());
  const failed = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/ListJobs"));
  await page.getByRole("region", { name: "List of jobs" }).evaluate((e) => (e.scrollTop = e.scrollHeight));
  await failed;
  await page.unroute(url);
  await page.locator("table[aria-rowcount]:not([aria-rowcount='201'])").waitFor();

  await page.getByRole("radio", { name: /^Waiting/ }).click();
  await page.getByRole("row", { name: /title-12 / }).waitFor();
  await call("BatchService/CancelJob", { job_id: `${batch.number}/12` });
  await page.getByRole("row", { name: /title-12 / }).waitFor({ state: "detached" });
  await page.getByRole("row", { name: /title-13 / }).waitFor();
});

/** makeWaiting makes a batch of 100,000 jobs that is open for more and of which none starts, so that no test after it waits
 * for its encodings to be stopped. */
async function makeWaiting(t) {
  await call("AccountService/PauseAccount", { account_id: "archive" });
  const batch = await makeLarge(t, 100_000, { keep_open: true, account: "archive" });
  t.after(() => call("AccountService/ResumeAccount", { account_id: "archive" })); // when the batch is cancelled
  return batch;
}

/** makeLarger adds as many jobs to a batch of 100,000 as make it one that no page keeps. */
const makeLarger = (batch) =>
  call("BatchService/AddJobs", { batch_id: batch.id, jobs: Array.from({ length: 50_001 }, (_, i) => ({ key: `more-${i + 1}`, input_path: `long/more/${i + 1}.mov` })) });

/** rowsKept is how many jobs a page keeps in memory. */
async function rowsKept(page) {
  const session = await page.context().newCDPSession(page);
  const { result } = await session.send("Runtime.evaluate", { expression: "Object.prototype" });
  const { objects } = await session.send("Runtime.queryObjects", { prototypeObjectId: result.objectId });
  const { result: kept } = await session.send("Runtime.callFunctionOn", {
    objectId: objects.objectId,
    functionDeclaration: "function () { return this.filter((o) => Object.hasOwn(o, 'texts') && Object.hasOwn(o, 'attempt')).length; }",
    returnByValue: true,
  });
  await session.detach(); // which lets go of them
  return kept.value;
}

/** topRow is the number of the job at the upper edge of the list, and how far above the edge it begins. */
const topRow = (page) =>
  page.getByRole("region", { name: "List of jobs" }).evaluate((box) => {
    const edge = box.getBoundingClientRect().top + box.querySelector("thead").clientHeight;
    const row = [...box.querySelectorAll("tbody tr:not(.space)")].find((r) => r.getBoundingClientRect().bottom > edge + 1);
    return [row.querySelector(".c-number").textContent, Math.round(edge - row.getBoundingClientRect().top)];
  });

test("a batch that grows beyond 150,000 jobs is the server’s list from then on, and the reader stays where they are", async (t) => {
  const batch = await makeWaiting(t);
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  page.setDefaultTimeout(60_000);
  await page.getByRole("radio", { name: "All 100,000" }).waitFor();
  await isLive(page);
  assert.ok((await rowsKept(page)) >= 100_000);
  const box = page.getByRole("region", { name: "List of jobs" });
  await box.evaluate((e) => (e.scrollTop = 60_000 * 32 + 7));
  await page.getByRole("checkbox", { name: "Mark job 60005" }).check();
  await page.getByRole("link", { name: "title-60006", exact: true }).focus();
  const before = await topRow(page);
  assert.deepEqual(before, ["60001", 7]);

  // Not while the page is held, but then too it keeps no more.
  await page.keyboard.press("Space");
  await page.getByRole("status").getByText("Held").waitFor();
  const reopened = page.waitForRequest((r) => r.url().endsWith("/WatchBatch"));
  await makeLarger(batch);
  await reopened;
  await page.getByRole("radio", { name: "All 100,000" }).waitFor();
  assert.deepEqual(await topRow(page), before);
  await page.keyboard.press("Space");
  await seen(page, "the server’s list");
  await page.getByRole("radio", { name: "All 150,001" }).waitFor();
  assert.deepEqual(await topRow(page), before, "the reader is somewhere else");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "title-60006", "the focus is lost");
  await seen(page, "1 marked");
  await page.getByRole("button", { name: "Cancel 1…" }).waitFor();
  assert.ok((await rowsKept(page)) < 1000, `${await rowsKept(page)} jobs are kept`);

  // Up and down from there.
  await seen(page, /60,00\d–60,0\d\d of 150,001/);
  const up = async () => {
    await box.evaluate((e) => (e.scrollTop = 0));
    await page.waitForFunction(() => document.querySelector(".scroll").scrollTop > 0);
    return Number((await topRow(page))[0]);
  };
  assert.equal(await up(), 59_962);
  assert.equal(await up(), 59_762);
  await call("BatchService/CancelJobs", { batch_id: batch.id, key_prefix: "title-59762", reason: "not this one" });
  await page.getByRole("row", { name: /title-59762/ }).getByText("“not this one”").waitFor();
  await page.getByRole("button", { name: "From the beginning" }).click();
  await page.getByRole("row", { name: /title-1 / }).waitFor();
  assert.equal(await page.getByRole("button", { name: "From the beginning" }).count(), 0);
});

test("a link to a job of a large batch shows it, wherever it is, and the keyboard goes on from there", async (t) => {
  const batch = await makeWaiting(t);
  await makeLarger(batch);
  const page = await open(t, `#/batches/${batch.number}?job=120000`, { lost: true });
  page.setDefaultTimeout(60_000);
  const at = (name) => page.getByRole("row", { name }).and(page.locator("[aria-current=true]"));
  await at(/more-20000/).waitFor();
  await page.keyboard.press("k");
  await at(/more-19999/).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: /more-19999/ }).waitFor();
  await page.keyboard.press("Escape");
  await at(/more-19999/).waitFor();
  // The last job, with a filter, and one that there is not.
  await goTo(page, "#/batches");
  await goTo(page, `#/batches/${batch.number}?state=waiting&text=more-&job=150001`);
  await at(/more-50001/).waitFor();
  await goTo(page, "#/batches");
  await goTo(page, `#/batches/${batch.number}?job=999999`);
  await page.getByRole("row", { name: /title-1 / }).waitFor();
  await goTo(page, "#/batches");
  await goTo(page, `#/batches/${batch.number}?text=title-77&job=150000`);
  await page.getByRole("row", { name: /title-77/ }).first().waitFor();
  await seen(page, /jobs 77,[\d,–]+, [\d,]+ or more match/);
});
