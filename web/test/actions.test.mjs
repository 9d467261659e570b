// Each action does what its button says, after the dialog has said what it would do.
import { assert, call, ended, goTo, isLive, open, seen, submit, test, until } from "./harness.mjs";

const dialog = (page) => page.getByRole("dialog");

test("retry by cause: counted first, with a warning where it would fail again", async (t) => {
  const batch = await submit(t, "by cause", ["missing/1.mov", "missing/2.mov", "broken/3.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}`);
  const row = page.getByRole("row", { name: /not found/ }).first();
  await row.getByRole("button", { name: "Retry 2…" }).click();
  await dialog(page).getByRole("heading", { name: "Retry 2 jobs?" }).waitFor();
  await dialog(page).getByText("Bitmovin calls this error permanent.").waitFor();
  await dialog(page).getByRole("button", { name: "Leave them" }).click();
  await dialog(page).waitFor({ state: "detached" });
  assert.equal((await call("BatchService/GetBatch", { batch_id: batch.id })).batch.state, "BATCH_STATE_FAILED");

  await row.getByRole("button", { name: "Retry 2…" }).click();
  await dialog(page).getByRole("button", { name: "Retry 2 jobs" }).click();
  await seen(page, /^2 jobs of “by cause” wait for a new attempt$/);
  await until(batch, (b) => b.counts.failed === "3");
  const { job } = await call("BatchService/GetJob", { job_id: `${batch.number}/1` });
  assert.equal(job.attempt, 2);
});

test("all that match a filter are retried, and nothing else", async (t) => {
  const batch = await submit(t, "all that match", ["broken/a1.mov", "broken/a2.mov", "broken/b1.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}`);
  await page.getByRole("searchbox", { name: /Search jobs/ }).fill("broken/A");
  await seen(page, "2 jobs match");
  await page.locator("#jobs").getByRole("button", { name: "Retry 2…" }).click();
  await dialog(page).getByText("has “broken/A”").waitFor();
  await dialog(page).getByRole("button", { name: "Retry 2 jobs" }).click();
  await seen(page, /^2 jobs of “all that match”/);
  await ended(batch);
  const attempts = await Promise.all([1, 2, 3].map(async (n) => (await call("BatchService/GetJob", { job_id: `${batch.number}/${n}` })).job.attempt));
  assert.deepEqual(attempts, [2, 2, 1]);
});

test("marked jobs are cancelled with a reason", async (t) => {
  const batch = await submit(t, "marked", ["long/1.mov", "long/2.mov", "long/3.mov", "long/4.mov", "long/5.mov", "long/6.mov", "long/7.mov", "long/8.mov", "long/9.mov", "long/10.mov"]);
  const page = await open(t, `#/batches/${batch.number}`);
  await page.getByRole("checkbox", { name: "Mark job 9" }).check();
  await page.getByRole("checkbox", { name: "Mark job 10" }).check();
  await seen(page, "2 marked");
  await page.locator("#jobs").getByRole("button", { name: "Cancel 2…" }).click();
  await dialog(page).getByText("waiting: never start").waitFor();
  await dialog(page).getByLabel("Reason, shown to everybody").fill("wrong ladder");
  await dialog(page).getByRole("button", { name: "Cancel 2 jobs" }).click();
  await page.getByRole("row", { name: /long\/10/ }).getByText("“wrong ladder”").waitFor();
  const { batch: now } = await call("BatchService/GetBatch", { batch_id: batch.id });
  assert.equal(now.counts.cancelled, "2");
});

test("pause, resume, priority and cancel of a batch", async (t) => {
  const batch = await submit(t, "steered", ["long/1.mov", "long/2.mov", "long/3.mov", "long/4.mov", "long/5.mov", "long/6.mov", "long/7.mov", "long/8.mov", "long/9.mov"]);
  await until(batch, (b) => b.counts?.running === "4");
  const page = await open(t, `#/batches/${batch.number}`);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await seen(page, "“steered” is paused");
  const glance = page.getByRole("region", { name: "At a glance" });
  await glance.getByText("nothing more starts until somebody resumes").waitFor();
  await glance.getByRole("button", { name: "Resume…" }).click();
  await dialog(page).getByRole("button", { name: "Resume it" }).click();
  await seen(page, "“steered” goes on");

  await page.getByRole("button", { name: "Change the priority" }).click();
  await dialog(page).getByLabel("Priority").fill("80");
  await dialog(page).getByRole("button", { name: "Set priority" }).click();
  await seen(page, "“steered” has priority 80");
  assert.equal((await call("BatchService/GetBatch", { batch_id: batch.id })).batch.priority, 80);

  await page.getByRole("button", { name: "Cancel…", exact: true }).click();
  await dialog(page).getByText("at Bitmovin: stopped, may be billed for what they did").waitFor();
  await dialog(page).getByRole("button", { name: "Cancel 9 jobs" }).click();
  await seen(page, "“steered” is cancelled");
  await page.getByRole("heading", { level: 1, name: /cancelled/ }).waitFor();
});

test("the failure limit pauses a batch, and the page says so and offers the way on", async (t) => {
  const paths = Array.from({ length: 8 }, (_, i) => `broken/l${i}.mov`);
  const batch = await submit(t, "limited", [...paths, ...Array.from({ length: 8 }, (_, i) => `long/l${i}.mov`)], { failure_limit: { count: 2 } });
  await until(batch, (b) => b.state === "BATCH_STATE_PAUSED");
  const page = await open(t);
  const row = page.getByRole("row", { name: /limited/ });
  await row.getByText(/failure limit/i).waitFor();
  await row.getByRole("button", { name: "Resume…" }).click();
  await dialog(page).getByText(/no longer count towards the failure limit/).waitFor();
  await dialog(page).getByRole("button", { name: "Leave it paused" }).click();
  await row.getByRole("link", { name: "limited" }).click();
  await page.getByRole("button", { name: "Change the limit…" }).click();
  await dialog(page).getByLabel("Failed jobs").fill("1e21");
  await dialog(page).getByRole("button", { name: "Set limit" }).click();
  await dialog(page).getByLabel("Failed jobs").fill("1000"); // the browser did not let that number through
  await dialog(page).getByRole("button", { name: "Set limit" }).click();
  await seen(page, "Its failure limit is 1,000");
});

test("a job is retried, and cancelled", async (t) => {
  const batch = await submit(t, "single", ["broken/s.mov", "long/s1.mov"]);
  await until(batch, (b) => b.counts?.failed === "1" && b.counts?.running === "1");
  const page = await open(t, `#/batches/${batch.number}/jobs/1`);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await seen(page, "The job waits for a new attempt");
  await seen(page, "Attempt 2");
  await page.goto(page.url().replace("/jobs/1", "/jobs/2"));
  await page.getByRole("button", { name: "Cancel…" }).click();
  await dialog(page).getByText("It is at Bitmovin already").waitFor();
  await dialog(page).getByLabel("Reason, shown to everybody").fill("not needed");
  await dialog(page).getByRole("button", { name: "Cancel 1 job" }).click();
  await page.getByRole("heading", { level: 1, name: /cancelled/ }).waitFor();
  await seen(page, "not needed");
});

test("an account is paused and resumed, and its target set", async (t) => {
  const page = await open(t, "#/accounts/archive");
  await page.getByRole("button", { name: "Pause…" }).click();
  await dialog(page).getByLabel("Reason, shown to everybody").fill("new contract");
  await dialog(page).getByRole("button", { name: "Pause the account" }).click();
  await seen(page, "New contract.");
  await page.getByRole("button", { name: "Resume", exact: true }).first().click();
  await seen(page, "Account archive goes on");

  await page.getByLabel("Encodings queued at Bitmovin").fill("7");
  await page.getByRole("button", { name: "Set target" }).click();
  await seen(page, "The queue target of archive is 7");
  assert.equal((await call("AccountService/GetAccount", { account_id: "archive" })).account.queue_target, 7);
  await page.getByRole("radio", { name: "Chosen by Stoker" }).click();
  await page.getByRole("button", { name: "Set target" }).click();
  await seen(page, "The queue target of archive is chosen by Stoker");
  await page.getByRole("button", { name: "Back to what is configured" }).click();
  await page.getByRole("button", { name: "Back to what is configured" }).waitFor({ state: "detached" });
  assert.equal((await call("AccountService/GetAccount", { account_id: "archive" })).account.queue_target, 2);
});

test("a batch is deleted", async (t) => {
  const batch = await submit(t, "to delete", ["ok/d.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await page.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: /Delete/ }).click();
  await dialog(page).getByText("Its encodings and outputs stay at Bitmovin.").waitFor();
  await dialog(page).getByRole("button", { name: "Delete 1 job" }).click();
  await seen(page, "“to delete” is deleted");
  await assert.rejects(call("BatchService/GetBatch", { batch_id: batch.id }), /not_found/);
});

test("what the server refuses is said, and stays", async (t) => {
  const batch = await submit(t, "just ended", ["long/e.mov"]);
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await page.getByRole("row", { name: /long\/e/ }).waitFor();
  await isLive(page);
  // The page is held, and does not notice the end.
  await page.keyboard.press("Space");
  await call("BatchService/CancelBatch", { batch_id: batch.id });
  await ended(batch);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("alert").getByText(/^Not paused: /).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.keyboard.press("Space");
  await page.getByRole("heading", { level: 1, name: /cancelled/ }).waitFor();
});

test("an answer that comes after the watch has gone on changes nothing any more", async (t) => {
  const batch = await submit(t, "late answer", ["long/late.mov"]);
  await until(batch, (b) => b.counts?.running === "1");
  const page = await open(t, `#/batches/${batch.number}`);
  const over = page.getByRole("heading", { level: 1, name: /cancelled/ });
  await page.route("**/stoker.v1.BatchService/CancelBatch", async (route) => {
    const answer = await route.fetch({ headers: { ...route.request().headers(), "sec-fetch-site": "same-origin" } });
    await over.waitFor();
    await route.fulfill({ response: answer });
  });
  await page.getByRole("button", { name: "Cancel…", exact: true }).click();
  await dialog(page).getByRole("button", { name: "Cancel 1 job" }).click();
  await seen(page, /^“late answer” is cancelled$/);
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.equal(await over.count(), 1, "the page shows what was before");
});

test("without a clipboard the page does not say that it has copied", async (t) => {
  const batch = await submit(t, "not copied", ["ok/n.mov"]);
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}/jobs/1`);
  await page.getByRole("button", { name: "Copy the job id" }).waitFor();
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.getByRole("button", { name: "Copy the job id" }).click();
  await page.getByRole("alert").getByText(/^Not copied: the browser keeps the clipboard from this page/).waitFor();
  await page.keyboard.press("y");
  assert.equal(await page.getByText("Copied the job id").count(), 0);
});

test("the next failed job is found, and the one before", async (t) => {
  const batch = await submit(t, "many failures", Array.from({ length: 5 }, (_, i) => `broken/n${i + 1}.mov`));
  await ended(batch);
  const page = await open(t, `#/batches/${batch.number}/jobs/3`);
  const at = (n) => page.getByRole("heading", { level: 1, name: new RegExp(`broken/n${n}`) }).waitFor();
  await at(3);
  await page.keyboard.press("j");
  await at(4);
  await page.keyboard.press("j");
  await at(5);
  await page.keyboard.press("k");
  await at(4);
  await page.keyboard.press("j");
  await at(5);
  await page.keyboard.press("j");
  await seen(page, "This is the last failed job");
});

test("X marks up to the row where it is, and not from a row that the filter hides", async (t) => {
  const batch = await submit(t, "marked apart", ["a1", "a2", "a3", "b1", "a4"].map((name) => `long/${name}.mov`));
  const page = await open(t, `#/batches/${batch.number}`);
  await page.getByRole("checkbox", { name: "Mark job 4" }).check();
  await goTo(page, `#/batches/${batch.number}?text=long/a`);
  await seen(page, "4 jobs match");
  await page.getByRole("checkbox", { name: "Mark job 4" }).waitFor({ state: "detached" });
  for (const key of ["j", "j", "j", "X"]) await page.keyboard.press(key);
  await seen(page, "2 marked");
  await page.keyboard.press("k");
  await page.keyboard.press("X");
  await seen(page, "3 marked");
});
