// The pictures of the page in README and docs: `make screenshots`. They show a story: batches that run, wait, are
// paused, have failed.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { call, ended, home, until } from "./harness.mjs";

const dir = process.env.STOKER_SCREENSHOTS;
mkdirSync(dir, { recursive: true });

const titles = ["tour-stage", "marathon", "regatta", "cup-final", "rally", "time-trial", "podium", "highlights"];
function paths(count, of = (i) => "clips") {
  return Array.from({ length: count }, (_, i) => `${of(i)}/2026-11/${titles[i % titles.length]}-${i + 1}.mov`);
}
async function batch(display_name, list, more = {}) {
  const jobs = list.map((path) => ({ key: path.replace(/^\w+\/|\.\w+$/g, ""), input_path: path }));
  const retry_policy = { max_retries: 2, initial_backoff: "0.2s", max_backoff: "0.5s" };
  const answer = await call("BatchService/SubmitBatch", { display_name, jobs, retry_policy, ...more });
  return answer.batch;
}

await ended(await batch("news 2026-11-28", paths(24), { labels: { team: "news" } }));
await ended(await batch("hevc re-encode 3", paths(40, (i) => (i % 9 === 4 ? "broken" : "clips")), { labels: { team: "vod" } }));
const dropped = await batch("partner delivery 11", paths(30, () => "long"), { account: "archive", labels: { team: "sales" } });
await call("BatchService/CancelBatch", { batch_id: dropped.id, reason: "wrong bucket" });
await ended(dropped);
const limited = await batch("archive 7", [...paths(60, (i) => (i > 12 ? "missing" : "clips"))], { account: "archive", labels: { team: "library" }, failure_limit: { count: 5 } });
await until(limited, (b) => b.state === "BATCH_STATE_PAUSED");
const run = paths(420, (i) => (i % 37 === 5 ? "missing" : i % 53 === 9 ? "broken" : i % 17 === 3 ? "flaky" : i >= 300 ? "long" : "clips"));
const night = await batch("night run 411", run, { labels: { team: "vod", run: "nightly" }, failure_limit: { percent: 20 } });
await until(night, (b) => Number(b.counts?.running) === 4 && Number(b.counts?.queued) === 3);
await batch("kids back catalogue", paths(126), { labels: { team: "vod" }, priority: 20 });
await batch("trailers Q1", paths(18), { labels: { team: "promo" }, keep_open: true, priority: 30 });
// A minute of the account's history.
await new Promise((resolve) => setTimeout(resolve, Number(process.env.STOKER_HISTORY ?? 60) * 1000));

const failed = (await call("BatchService/ListJobs", { batch_id: night.id, states: ["JOB_STATE_FAILED"], page_size: 1 })).jobs[0];
const list = ["key,input_path,output_path", ...Array.from({ length: 40 }, (_, i) => `kc-${String(i + 1).padStart(4, "0")},kids/s01/e${i + 1}.mov,kids/s01/e${i + 1}`)];
list[18] = "kc-0018,kids/s01/e18.mov,kids/s01/e17";
list[29] = "kc-0029,,kids/s01/e29";

const scenes = {
  batches: { hash: "#/batches", ready: (p) => p.getByText("and 1 more cause").or(p.getByText("night run 411")).first().waitFor() },
  batch: { hash: `#/batches/${night.number}`, ready: (p) => p.getByText("Failures by cause").waitFor() },
  job: { hash: `#/batches/${night.number}/jobs/${failed.number}`, ready: (p) => p.getByText("Attempt 1").waitFor() },
  account: { hash: "#/accounts/default", ready: (p) => p.getByText("target", { exact: true }).first().waitFor() },
  submit: {
    hash: "#/submit",
    ready: async (p) => {
      await p.getByLabel("List of jobs").setInputFiles({ name: "kids-catalogue.csv", mimeType: "text/csv", buffer: Buffer.from(list.join("\n")) });
      await p.getByText("2 mistakes", { exact: true }).waitFor();
    },
  },
  audit: { hash: "#/audit", ready: (p) => p.getByText("latest first").waitFor() },
};
const all = Object.keys(scenes);
const looks = {
  "": { scenes: all },
  "-dark": { scenes: process.env.STOKER_ALL_LOOKS ? all : ["batch"], colorScheme: "dark" },
  "-narrow": { scenes: process.env.STOKER_ALL_LOOKS ? all : ["batch"], viewport: { width: 390, height: 844 } },
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [suffix, { scenes: wanted, ...look }] of Object.entries(looks)) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Europe/Berlin", locale: "en-GB", reducedMotion: "reduce", ...look });
  for (const [name, scene] of Object.entries(scenes).filter(([name]) => wanted.includes(name))) {
    const page = await context.newPage();
    await page.goto(home + scene.hash);
    await scene.ready(page);
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor();
    await page.waitForTimeout(1500); // the parts that are asked for apart
    await page.screenshot({ path: `${dir}/${name}${suffix}.png` });
    await page.close();
  }
  await context.close();
}
await browser.close();
