// A batch of 100,000 jobs is live, and few of its rows are in the document. Times and heap are measured by bench.mjs.
import { assert, call, isLive, open, seen, test } from "./harness.mjs";
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
  await page.locator("table[aria-rowcount='401']").waitFor();

  await page.getByRole("radio", { name: /^Waiting/ }).click();
  await page.getByRole("row", { name: /title-12 / }).waitFor();
  await call("BatchService/CancelJob", { job_id: `${batch.number}/12` });
  await page.getByRole("row", { name: /title-12 / }).waitFor({ state: "detached" });
  await page.getByRole("row", { name: /title-13 / }).waitFor();
});
