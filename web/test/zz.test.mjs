import { assert, call, ended, fits, goTo, guarded, isLive, open, seen, submit, test, until, visit } from "./harness.mjs";

const over = (page) => page.evaluate(() => {
  const w = document.documentElement.clientWidth;
  const bad = [...document.querySelectorAll("main *, header *, .notes *, dialog *")].filter((e) => e.getBoundingClientRect().right > w + 1 && getComputedStyle(e).display !== "none").slice(0, 6).map((e) => e.tagName + "." + String(e.className?.baseVal ?? e.className) + " " + (e.textContent ?? "").slice(0, 40));
  return [document.documentElement.scrollWidth - w, bad];
});

for (const size of ["narrow", "wide"]) test(`long ${size}`, async (t) => {
  const name = "N".repeat(150) + "😀".repeat(20);
  const labels = Object.fromEntries(Array.from({ length: 5 }, (_, i) => ["l".repeat(60) + i, "v".repeat(255)]));
  const { batch } = await call("BatchService/SubmitBatch", { display_name: name, labels, jobs: [
    { key: "k".repeat(200), name: "שלום עולם ".repeat(40), input_path: "broken/" + "p".repeat(900) + ".mov" },
    { key: "مرحبا 123 <b>x</b>", name: "<script>alert(1)</script>", input_path: "broken/" + "p q ".repeat(100) + "x.mov", output_path: "o".repeat(700) },
    { input_path: "long/ok.mov" },
  ], retry_policy: { max_retries: 0 } });
  t.after(() => call("BatchService/CancelBatch", { batch_id: batch.id }));
  await until(batch, (b) => b.counts?.failed === "2" && b.counts?.running === "1");
  const page = await open(t, "#/batches", { size });
  const look = async (what) => { t.diagnostic(what + " " + JSON.stringify(await over(page))); await page.screenshot({ path: `/tmp/shots/${size}-${what}.png` }); };
  await page.getByRole("row", { name: /NNNN/ }).first().waitFor();
  await look("batches");
  await goTo(page, `#/batches/${batch.number}`);
  await page.getByRole("row", { name: /kkkk/ }).first().waitFor();
  await look("batch");
  await page.screenshot({ path: `/tmp/shots/${size}-batch-full.png`, fullPage: true });
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await seen(page, /is paused$/);
  await look("toast");
  await page.getByRole("button", { name: "Cancel…", exact: true }).click();
  await page.getByRole("dialog").waitFor();
  await look("dialog");
  await page.keyboard.press("Escape");
  for (const n of [1, 2]) {
    await goTo(page, `#/batches/${batch.number}/jobs/${n}`);
    await seen(page, "Attempt 1");
    await look("job" + n);
    await page.screenshot({ path: `/tmp/shots/${size}-job${n}-full.png`, fullPage: true });
  }
  await goTo(page, `#/batches/${batch.number}?text=${"z".repeat(150)}&key=${"y".repeat(180)}`);
  await seen(page, /^None of/);
  await look("filters");
  await goTo(page, `#/audit?target=${batch.id}`);
  await seen(page, /latest first$/);
  await look("audit");
  await goTo(page, `#/submit`);
  await page.getByLabel("List of jobs").setInputFiles({ name: "f".repeat(200) + ".csv", mimeType: "text/csv", buffer: Buffer.from("key,input_path\n" + "a".repeat(190) + ",in/" + "b".repeat(500) + "\nx,\n") });
  await seen(page, /mistake/);
  await look("submit");
});

test("empty open batch", async (t) => {
  const { batch } = await call("BatchService/SubmitBatch", { display_name: "empty open", keep_open: true });
  t.after(() => call("BatchService/CancelBatch", { batch_id: batch.id }));
  const page = await open(t, `#/batches/${batch.number}`);
  await seen(page, "empty open");
  await isLive(page);
  await page.screenshot({ path: `/tmp/shots/empty.png` });
});

test("narrow viewer", async (t) => {
  const s = await guarded();
  const page = await visit(t, s.url, "#/batches");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByLabel("Token").fill(s.operator);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("row", { name: /of the login/ }).waitFor();
  await page.screenshot({ path: `/tmp/shots/narrow-login.png` });
});
