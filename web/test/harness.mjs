// What every test of the page needs: a browser, pages that may not complain, and calls past the page.
import assert from "node:assert/strict";
import { after, test as nodeTest } from "node:test";
import { chromium } from "playwright-core";

export const home = process.env.STOKER_PAGE;
const control = process.env.STOKER_CONTROL;
assert.ok(home && control, "go test ./internal/browser runs these tests, with a service for them");

let browser;
after(() => browser?.close());

/** act lets the world do something: stop, start, shut, open, hold, release. */
export async function act(what) {
  const answer = await fetch(`${control}/${what}`, { method: "POST" });
  assert.equal(answer.status, 204);
}

/** direct is where the service itself is, past the door; empty while it is stopped. */
export async function direct() {
  return (await (await fetch(`${control}/direct`)).json()).url;
}

/** guarded is another service, one that asks for tokens: its url, the token of a viewer and of an operator, and the
 * number of a batch. */
export async function guarded() {
  const answer = await fetch(`${control}/guarded`, { method: "POST" });
  assert.equal(answer.status, 200);
  return answer.json();
}

/** call makes a call at the service itself, past the door and the page. */
export async function call(method, request = {}) {
  const url = await direct();
  const answer = await fetch(`${url}/stoker.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(body)}`);
  return body;
}

/** submit submits jobs with these input paths, and returns the batch. It is cancelled after the test, so that the next
 * one has the encoders. */
export async function submit(t, name, paths, more = {}) {
  const jobs = paths.map((path) => ({ key: path.replace(/\.\w+$/, ""), input_path: path }));
  const retry_policy = { max_retries: 1, initial_backoff: "0.05s", max_backoff: "0.05s" };
  const { batch } = await call("BatchService/SubmitBatch", { display_name: name, jobs, retry_policy, ...more });
  t.after(async () => {
    await closePages(t); // no page looks on while the test is cleared away
    await call("BatchService/CancelBatch", { batch_id: batch.id }).catch(() => {}); // it may have ended
    await ended(batch).catch(() => {}); // it may have been deleted
  });
  return batch;
}

/** until waits until a batch is as it should be, by watching it. What it never becomes is an error that says how it is. */
export async function until(batch, is) {
  const url = await direct();
  const answer = await fetch(`${url}/stoker.v1.BatchService/WatchBatch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ batch_id: batch.id }),
    signal: AbortSignal.timeout(60_000),
  });
  let text = "";
  const decoder = new TextDecoder();
  let latest;
  const stuck = (err) => new Error(`“${batch.display_name}” stays ${latest?.state} with ${JSON.stringify(latest?.counts)}: ${latest?.wait_reason}`, { cause: err });
  try {
    for await (const part of answer.body) {
      text += decoder.decode(part, { stream: true });
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const message = JSON.parse(line);
        latest = message.batch ?? latest;
        if (latest && is(latest)) return latest; // and with it the loop ends the call
      }
    }
  } catch (err) {
    throw stuck(err);
  }
  throw stuck();
}

export const ended = (batch) => until(batch, (b) => /SUCCEEDED|FAILED|CANCELLED/.test(b.state));

/** test is one test. What it waits for has a limit of its own; this one, in minutes, is for a test that hangs on a busy
 * machine, and most take seconds. */
export const test = (name, run, { minutes = 4 } = {}) => nodeTest(name, { timeout: 60_000 * minutes }, run);

/** What closes the pages of a test. */
const opened = new WeakMap();
async function closePages(t) {
  const close = opened.get(t) ?? [];
  opened.delete(t);
  for (const f of close.reverse()) await f();
}

const sizes = { wide: { width: 1280, height: 900 }, middle: { width: 768, height: 1024 }, narrow: { width: 390, height: 844 } };

async function newContext(more = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  return browser.newContext({ viewport: sizes.wide, timezoneId: "Europe/Berlin", locale: "en-GB", ...more });
}

/** visit opens the page of a service elsewhere, in a browser of its own. heard is called with what the page complains of. */
export async function visit(t, url, hash, heard = () => {}) {
  const context = await newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (m) => m.type() === "error" && heard(m.text()));
  page.on("pageerror", (err) => heard(err.stack));
  opened.set(t, [...(opened.get(t) ?? []), () => context.close()]);
  t.after(() => closePages(t));
  await page.goto(`${url}/${hash}`);
  return page;
}

/** open opens the page in a browser of its own. What it complains of fails the test, but for calls that a lost server
 * fails or that are refused, and for what the policy has to block. */
export async function open(t, hash = "", { size = "wide", dark = false, lost = false, blocked = false, zone, context } = {}) {
  const own = !context;
  context ??= await newContext({
    viewport: sizes[size],
    colorScheme: dark ? "dark" : "light",
    ...(zone ? { timezoneId: zone } : {}),
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  page.on("console", (m) => {
    if (blocked && /has been blocked/.test(m.text())) return;
    if (lost && /Failed to load resource/.test(m.text())) return;
    if (m.type() === "error" || m.type() === "warning") complaints.push(m.text());
  });
  page.on("pageerror", (err) => complaints.push(err.stack));
  page.on("request", (r) => {
    if (!r.url().startsWith(home)) complaints.push(`a request to ${r.url()}`);
  });
  await page.goto(home + hash);
  opened.set(t, [...(opened.get(t) ?? []), () => (own ? context.close() : page.close())]);
  t.after(async () => {
    await closePages(t);
    assert.deepEqual(complaints, [], "the page complained");
  });
  return page;
}

/** seen waits until a text is seen. */
export async function seen(page, text, options) {
  await page.getByText(text, options).first().waitFor();
}

/** isLive waits until the page says that it is live. */
export async function isLive(page) {
  await page.getByRole("status").getByText("Live", { exact: true }).waitFor();
}

/** goTo goes to another page of the page. */
export async function goTo(page, hash) {
  await page.goto(page.url().replace(/#.*/, hash));
}

/** fits says that nothing scrolls sideways. */
export async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, "the page is wider than the window");
}

export { assert };
