// The service stops while many people look on: it is soon gone, no stream is broken off, and each page comes back.
import { act, assert, call, direct, isLive, open, submit, test, until, visit } from "./harness.mjs";

const many = process.env.STOKER_EXHAUSTIVE ? 50 : 6;

test(`the service stops with ${many} pages open`, async (t) => {
  const batch = await submit(t, "watched by many", ["long/m1.mov", "long/m2.mov"]);
  await until(batch, (b) => b.counts?.running === "2");
  // Each in a browser of its own: of one browser no more than six connections go to a server.
  const pages = [];
  for (let i = 0; i < many; i++) {
    const page = await open(t, i % 3 ? `#/batches/${batch.number}` : "#/batches", { lost: true });
    await isLive(page);
    pages.push(page);
  }
  t.after(() => act("start"));
  const began = performance.now();
  await act("stop");
  const took = performance.now() - began;
  t.diagnostic(`the stop took ${Math.round(took)} ms`);
  assert.ok(took < 10_000, `the stop took ${Math.round(took)} ms`);
  await Promise.all(pages.map((page) => page.getByRole("alert").getByText(/The server (is stopping|cannot be reached)/).waitFor()));
  t.diagnostic(`all pages said so after ${Math.round(performance.now() - began)} ms`);
  const again = performance.now();
  await act("start");
  await Promise.all(
    pages.map(async (page) => {
      await isLive(page);
      await page.getByRole("alert").waitFor({ state: "detached" });
    }),
  );
  t.diagnostic(`all pages were live ${Math.round(performance.now() - again)} ms after the start`);
  await call("BatchService/CancelBatch", { batch_id: batch.id });
  await Promise.all(pages.filter((_, i) => i % 3).map((page) => page.getByRole("heading", { level: 1, name: /cancell/ }).waitFor()));
}, { minutes: Math.max(4, many / 5) });

test("each stream of a service that stops ends as it should", async (t) => {
  const batch = await submit(t, "to its end", ["long/e1.mov"]);
  await until(batch, (b) => b.counts?.running === "1");
  // Not through the door, which would break off what the service ends.
  const url = await direct();
  const said = [];
  const pages = [];
  for (const hash of [`#/batches/${batch.number}`, "#/batches", `#/batches/${batch.number}/jobs/1`, "#/accounts/default"]) {
    const page = await visit(t, url, hash, (text) => said.push(text));
    await isLive(page);
    pages.push(page);
  }
  t.after(() => act("start"));
  await act("stop");
  for (const page of pages) await page.getByRole("alert").waitFor();
  assert.deepEqual(said.filter((text) => !text.includes("ERR_CONNECTION_REFUSED")), [], "a stream was broken off");
  await act("start"); // before the batch is cleared away
});
