// The figures of docs/figures.md about the page: `make page-bench`.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { call, home } from "./harness.mjs";
import { makeLarge } from "./large.mjs";

const runs = 3;
const control = process.env.STOKER_CONTROL;
const get = async (what) => (await fetch(`${control}/${what}`)).json();
const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const dir = new URL("../dist/assets/", import.meta.url);
for (const name of readdirSync(dir)) {
  const bytes = readFileSync(new URL(name, dir));
  console.log(`${name.split(".").pop()}: ${bytes.length} bytes, ${gzipSync(bytes).length} gzipped`);
}

// The server under 200 open pages on a batch whose jobs change all the time.
const { url } = await get("direct");
const busy = async (pages) => {
  const jobs = Array.from({ length: 3000 }, (_, i) => ({ input_path: `clips/busy-${pages}-${i}.mov` }));
  const { batch } = await call("BatchService/SubmitBatch", { display_name: "busy", jobs, priority: 100 });
  const stop = new AbortController();
  let messages = 0;
  const watches = Array.from({ length: pages }, async () => {
    const answer = await fetch(`${url}/stoker.v1.BatchService/WatchBatch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ batch_id: batch.id, include_jobs: true, min_interval: "0.2s" }),
      signal: stop.signal,
    });
    for await (const part of answer.body) messages += part.length > 0 ? 1 : 0;
  });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = (await get("cpu")).seconds;
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const used = (await get("cpu")).seconds - before;
  const { batch: now } = await call("BatchService/GetBatch", { batch_id: batch.id });
  stop.abort();
  await Promise.allSettled(watches);
  await call("BatchService/CancelBatch", { batch_id: batch.id }).catch(() => {});
  console.log(`${pages} watches with jobs: ${(used / 10).toFixed(2)} s of processor a second, ${now.counts?.succeeded ?? 0} jobs done, ${messages} parts`);
};
await busy(0);
await busy(200);

await call("BatchService/SubmitBatch", { display_name: "small", jobs: [{ input_path: "long/a.mov" }] });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** timed opens a page of an empty browser and returns milliseconds until a text is seen, those of them that the page's
 * thread computed, and the heap then. */
async function timed(hash, ready) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const began = performance.now();
  await page.goto(home + hash);
  await ready(page);
  const took = performance.now() - began;
  const { metrics } = await session.send("Performance.getMetrics");
  const computed = 1000 * metrics.find((m) => m.name === "TaskDuration").value;
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await context.close();
  return { took, computed, heap: usedSize };
}
async function report(name, hash, ready) {
  const results = [];
  for (let i = 0; i < runs; i++) results.push(await timed(hash, ready));
  const ms = results.map((r) => Math.round(r.took));
  console.log(`${name}: ${middle(ms)} ms (${ms.join(", ")}), ${Math.round(middle(results.map((r) => r.computed)))} ms of processor in the page, heap ${(middle(results.map((r) => r.heap)) / 1e6).toFixed(1)} MB`);
}

await report("first list", "#/batches", (p) => p.getByRole("row", { name: /small/ }).waitFor());
const large = await makeLarge();
await report("100,000 jobs", `#/batches/${large.number}`, (p) => p.getByRole("radio", { name: "All 100,000" }).waitFor({ timeout: 60_000 }));
await browser.close();
await call("BatchService/CancelBatch", { batch_id: large.id });
