// The pictures of the page in README and docs: `make screenshots`. They show what stoker demo --serve has.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const home = process.env.STOKER_PAGE;
const dir = process.env.STOKER_SCREENSHOTS;
mkdirSync(dir, { recursive: true });

/** call makes a call as the page does. */
async function call(method, request) {
  const answer = await fetch(`${home}stoker.v1.${method}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request) });
  if (!answer.ok) throw new Error(`${method}: ${await answer.text()}`);
  return answer.json();
}
const { batches } = await call("BatchService/ListBatches", { page_size: 50 });
const named = (name) => batches.find((b) => b.display_name === name);
const night = named("night run 411");
// A while of the account's history.
await new Promise((resolve) => setTimeout(resolve, Number(process.env.STOKER_HISTORY ?? 60) * 1000));

const failed = (await call("BatchService/ListJobs", { batch_id: night.id, states: ["JOB_STATE_FAILED"], page_size: 1 })).jobs[0];
const list = ["key,input_path,output_path", ...Array.from({ length: 40 }, (_, i) => `kc-${String(i + 1).padStart(4, "0")},kids/s01/e${i + 1}.mov,kids/s01/e${i + 1}`)];
list[18] = "kc-0018,kids/s01/e18.mov,kids/s01/e17";
list[29] = "kc-0029,,kids/s01/e29";

const scenes = {
  batches: { hash: "#/batches", ready: (p) => p.getByText("night run 411").waitFor() },
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
  paused: { hash: `#/batches/${named("archive 7").number}`, ready: (p) => p.getByText("Failures by cause").waitFor() },
  partner: { hash: "#/accounts/partner", ready: (p) => p.getByText("Bitmovin cannot be used.").waitFor() },
  audit: { hash: "#/audit", ready: (p) => p.getByText("latest first").waitFor() },
};
const all = Object.keys(scenes);
const documented = all.filter((name) => name !== "paused" && name !== "partner");
const looks = {
  "": { scenes: process.env.STOKER_ALL_LOOKS ? all : documented },
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
    await page.screenshot({ path: `${dir}/${name}${suffix}.png`, fullPage: !!process.env.STOKER_ALL_LOOKS });
    await page.close();
  }
  await context.close();
}
await browser.close();
