// The server goes away and comes back; the page says so, keeps what it has, and goes on by itself.
import { act, assert, call, fits, goTo, home, isLive, open, seen, submit, test, until } from "./harness.mjs";

/** setHidden hides a tab, or shows it: a browser without windows shows all of them. */
const setHidden = (page, hidden) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);

test("a server that cannot be reached, and comes back", async (t) => {
  const batch = await submit(t, "through the gap", ["long/g1.mov", "long/g2.mov"]);
  await until(batch, (b) => b.counts?.running === "2");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await page.getByRole("row", { name: /long\/g1/ }).getByText("running").waitFor();
  await act("shut");
  t.after(() => act("open"));
  await page.getByRole("alert").getByText(/The server cannot be reached since/).waitFor();
  await page.getByRole("status").getByText("Reconnecting").waitFor();
  await seen(page, /Next try in \d s/);
  assert.equal(await page.getByRole("alert").getByText(/Next try/).count(), 0, "each second is read out");
  await page.getByRole("row", { name: /long\/g1/ }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Cancel…", exact: true }).isDisabled(), "actions wait while nobody answers");
  await call("BatchService/CancelBatch", { batch_id: batch.id });
  // While the door is shut: once it is open, the page may come back by itself before the click.
  const tried = page.waitForRequest((r) => r.url().endsWith("/WatchBatch"));
  await page.getByRole("button", { name: "Try now" }).click();
  await tried;
  await act("open");
  await page.getByRole("heading", { level: 1, name: /cancelled/ }).waitFor();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.getByRole("status").getByText("Live").waitFor();
});

for (const width of [390, 768]) {
  test(`a server that cannot be reached is said in a window of ${width} pixels, too`, async (t) => {
    const page = await open(t, "#/batches", { lost: true });
    await page.setViewportSize({ width, height: 844 });
    await isLive(page);
    const cut = () => page.getByRole("navigation", { name: "Pages" }).evaluate((nav) => nav.scrollWidth - nav.clientWidth);
    assert.equal(await cut(), 0, "a page is out of sight");
    await act("shut");
    t.after(() => act("open"));
    await page.getByRole("status").getByText("Reconnecting").waitFor();
    await fits(page);
  });
}

test("a restart: the page says that the server stops, and goes on afterwards", async (t) => {
  const batch = await submit(t, "through the restart", ["long/r1.mov"]);
  await until(batch, (b) => b.counts?.running === "1");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  const list = await open(t, "#/batches", { lost: true });
  await page.getByRole("row", { name: /long\/r1/ }).getByText("running").waitFor();
  await list.getByRole("row", { name: /through the restart/ }).waitFor();
  t.after(() => act("start"));
  await act("stop");
  for (const p of [page, list]) await p.getByRole("alert").waitFor();
  await act("start");
  for (const p of [page, list]) {
    await p.getByRole("status").getByText("Live").waitFor();
    await p.getByRole("alert").waitFor({ state: "detached" });
  }
  assert.equal(await page.getByText("Stoker was upgraded.").count(), 0, "it is the same page");
  await call("BatchService/CancelBatch", { batch_id: batch.id });
  await page.getByRole("heading", { level: 1, name: /cancell/ }).waitFor();
});

test("a server that was upgraded under the page", async (t) => {
  const page = await open(t, "#/batches", { lost: true });
  await page.getByRole("status").getByText("Live").waitFor();
  t.after(() => act("open"));
  await act("shut");
  await page.getByRole("alert").waitFor();
  await page.route(home, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/assets\/[\w-]+\.js/, "assets/index-another.js") });
  });
  await act("open");
  await seen(page, "Stoker was upgraded.");
  await page.getByRole("button", { name: "Load the new page" }).waitFor();
});

test("a server that was upgraded while the tab was hidden", async (t) => {
  const page = await open(t, "#/batches", { lost: true });
  await isLive(page);
  await setHidden(page, true);
  await page.route(home, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/assets\/[\w-]+\.js/, "assets/index-another.js") });
  });
  await setHidden(page, false);
  await seen(page, "Stoker was upgraded.");
});

test("a server that does not answer is not taken for a live one", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await seen(page, "Drop a list here");
  t.after(() => act("release"));
  await act("hold");
  await page.getByRole("link", { name: "Batches", exact: true }).click();
  await seen(page, "The server has not answered for 5 s.");
  await act("release");
  await page.getByRole("status").getByText("Live").waitFor();
});

test("a server that is not there at first is waited for", async (t) => {
  const page = await open(t, "", { lost: true });
  await isLive(page);
  await page.route("**/stoker.v1.**", (route) => route.abort());
  await page.reload();
  await seen(page, "There is nothing to show yet");
  await page.getByRole("alert").getByText(/The server cannot be reached since/).waitFor();
  await page.unroute("**/stoker.v1.**");
  await page.getByRole("list", { name: "Accounts" }).waitFor();
  await isLive(page);
});

test("a connection that is gone without a word is noticed", async (t) => {
  const batch = await submit(t, "gone quiet", ["long/q1.mov", "long/q2.mov"]);
  await until(batch, (b) => b.counts?.running === "2");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await isLive(page);
  await page.clock.install();
  await call("BatchService/CancelJob", { job_id: `${batch.number}/1` });
  await page.getByRole("row", { name: /long\/q1/ }).getByText("cancelled", { exact: true }).waitFor();
  const ended = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/WatchBatch"));
  const again = page.waitForRequest((r) => r.url().endsWith("/WatchBatch"));
  await page.clock.fastForward(41_000);
  await ended;
  await again;
  await isLive(page);
});

test("a hidden tab has no stream, and goes on when it is shown", async (t) => {
  const batch = await submit(t, "hidden", ["long/h1.mov"]);
  await until(batch, (b) => b.counts?.running === "1");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await page.getByRole("row", { name: /long\/h1/ }).getByText("running").waitFor();
  const closed = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/WatchBatch"));
  await setHidden(page, true);
  await closed;
  const opened = page.waitForRequest((r) => r.url().endsWith("/WatchBatch"));
  await setHidden(page, false);
  const body = (await opened).postDataBuffer().toString("latin1");
  assert.ok(body.length > 60, "the stream goes on from its cursor");
  await call("BatchService/CancelBatch", { batch_id: batch.id });
  await page.getByRole("heading", { level: 1, name: /cancell/ }).waitFor();
});

test("of many tabs only the one that is seen has a stream, so that the next one can be opened", async (t) => {
  const batch = await submit(t, "many tabs", ["long/t1.mov"]);
  let before;
  for (let i = 0; i < 9; i++) {
    const tab = await open(t, `#/batches/${batch.number}`, { context: before?.context() });
    await tab.getByRole("row", { name: /long\/t1/ }).waitFor();
    await isLive(tab);
    await setHidden(tab, true);
    before = tab;
  }
});

test("a tab that is shown again is not live before the server is heard", async (t) => {
  const batch = await submit(t, "asleep", ["long/a1.mov"]);
  await until(batch, (b) => b.counts?.running === "1");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await isLive(page);
  await setHidden(page, true);
  t.after(() => act("release"));
  await act("hold");
  await setHidden(page, false);
  await seen(page, "The server has not answered for 5 s.");
  await act("release");
  await isLive(page);
});

test("what the server says of itself is shown, and not that it cannot be reached", async (t) => {
  const batch = await submit(t, "without a table", ["long/t1.mov"]);
  const page = await open(t, "#/accounts/default", { lost: true });
  await isLive(page);
  // google.rpc.ErrorInfo: field 1 is the reason.
  const unavailable = (reason, message) => (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/json",
      body: JSON.stringify({ code: "unavailable", message, details: [{ type: "google.rpc.ErrorInfo", value: Buffer.from(`\x0a${String.fromCharCode(reason.length)}${reason}`).toString("base64") }] }),
    });
  await page.route("**/stoker.v1.AccountService/GetAccount", unavailable("JOB_TABLE_UNAVAILABLE", "the job table cannot be reached; try again"));
  await page.getByRole("alert").getByText("The job table cannot be reached; try again.").waitFor();
  assert.equal(await page.getByText(/The server (is stopping|cannot be reached)/).count(), 0);
  await page.unroute("**/stoker.v1.AccountService/GetAccount");
  await isLive(page);

  await goTo(page, `#/batches/${batch.number}`);
  await page.route("**/stoker.v1.BatchService/PauseBatch", unavailable("OUTCOME_UNKNOWN", "the change may have been made; look before you try again"));
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("alert").getByText("Not paused: The change may have been made; look before you try again.").waitFor();
});

test("a watch that was refused for the moment is opened again", async (t) => {
  const batch = await submit(t, "read slowly", ["long/s1.mov"]);
  const page = await open(t, "#/batches", { lost: true });
  await isLive(page);
  const end = Buffer.from('{"error":{"code":"resource_exhausted","message":"the reader is too slow; reconnect with the latest cursor"}}');
  const body = Buffer.concat([Buffer.from([2, 0, 0, 0, end.length]), end]);
  await page.route("**/stoker.v1.BatchService/WatchBatch", (route) => route.fulfill({ status: 200, contentType: "application/connect+proto", body }), { times: 1 });
  await goTo(page, `#/batches/${batch.number}`);
  await page.getByRole("row", { name: /long\/s1/ }).waitFor();
  await isLive(page);
});

test("what stands beside the stream is asked for again after a call without an answer", async (t) => {
  const page = await open(t, "#/nowhere", { lost: true });
  await page.clock.install();
  await goTo(page, "#/batches");
  await page.getByRole("list", { name: "Accounts" }).waitFor();
  await isLive(page);
  const url = "**/stoker.v1.AccountService/ListAccounts";
  await page.route(url, () => {}, { times: 1 }); // never answered
  const unanswered = page.waitForRequest(url);
  await page.clock.fastForward(3_000);
  await unanswered;
  await page.clock.fastForward(41_000);
  await isLive(page);
  const again = page.waitForResponse(url);
  await page.clock.fastForward(3_000);
  await again;
});

test("a page that is held stays so while the server restarts, and asks for nothing beside", async (t) => {
  const batch = await submit(t, "held still", ["long/k1.mov", "long/k2.mov"]);
  await until(batch, (b) => b.counts?.running === "2");
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  const row = page.getByRole("row", { name: /long\/k1/ });
  await row.getByText("running").waitFor();
  await page.keyboard.press("Space");
  const held = page.getByRole("status").getByText("Held");
  await held.waitFor();
  t.after(() => act("start"));
  await act("stop");
  await page.getByRole("alert").waitFor();
  await act("start");
  await page.getByRole("alert").waitFor({ state: "detached" });
  await call("BatchService/CancelJob", { job_id: `${batch.number}/1` });
  await until(batch, (b) => b.counts?.cancelled === "1");
  await seen(page, /· \d+ changes?$/);
  await held.waitFor();
  await row.getByText("running").waitFor();
  await page.keyboard.press("Space");
  await row.getByText("cancelled", { exact: true }).waitFor();

  await goTo(page, "#/nowhere");
  await page.clock.install();
  await goTo(page, "#/batches");
  await page.getByRole("row", { name: /held still/ }).waitFor();
  await isLive(page);
  await page.keyboard.press("Space");
  await held.waitFor();
  const asked = [];
  page.on("request", (r) => asked.push(r.url().replace(/.*\//, "")));
  await page.clock.fastForward(11_000);
  await page.evaluate(() => fetch("stoker.svg"));
  assert.ok(asked.includes("stoker.svg"));
  assert.deepEqual(asked.filter((method) => /ListAccounts|ListBatches/.test(method)), []);
});

test("a page that is held for long keeps the latest of each job, and nothing else", async (t) => {
  const batch = await submit(t, "held for long", ["long/l1.mov", "long/l2.mov"], { account: "archive" });
  const page = await open(t, `#/batches/${batch.number}`, { lost: true });
  await page.getByRole("row", { name: /long\/l1/ }).waitFor();
  await isLive(page);
  await call("BatchService/PauseBatch", { batch_id: batch.id });
  await page.getByRole("heading", { level: 1, name: /paused/ }).waitFor();
  await page.keyboard.press("Space");
  await page.getByRole("status").getByText("Held").waitFor();
  let changes = 0;
  for (const reason of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
    await call("BatchService/UpdateBatch", { batch: { id: batch.id, labels: { reason } }, update_mask: "labels" });
    await page.waitForFunction((before) => Number(/· (\d+) change/.exec(document.body.innerText)?.[1] ?? 0) > before, changes);
    changes = Number(/· (\d+) change/.exec(await page.locator("body").innerText())[1]);
  }
  const session = await page.context().newCDPSession(page);
  const { result } = await session.send("Runtime.evaluate", { expression: "Object.prototype" });
  const { objects } = await session.send("Runtime.queryObjects", { prototypeObjectId: result.objectId });
  const { result: kept } = await session.send("Runtime.callFunctionOn", {
    objectId: objects.objectId,
    functionDeclaration: "function () { return this.filter((o) => Object.getOwnPropertyDescriptor(o, '$typeName')?.value === 'stoker.v1.Batch').length; }",
    returnByValue: true,
  });
  assert.ok(kept.value <= 4, `${kept.value} messages of the batch are kept`);
});

test("what a job’s page asks beside the job is asked again", async (t) => {
  const batch = await submit(t, "asked once", ["long/j1.mov"]);
  const page = await open(t, "#/nowhere", { lost: true });
  await page.clock.install();
  const url = "**/stoker.v1.BatchService/GetBatch";
  await page.route(url, (route) => route.abort(), { times: 1 });
  const failed = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/GetBatch"));
  await goTo(page, `#/batches/${batch.number}/jobs/1`);
  await failed;
  await page.clock.fastForward(30_000);
  await page.locator("dt", { hasText: "Account" }).waitFor();
});
