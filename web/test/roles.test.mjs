// Roles hide what may not be done, and a server that asks for a token gets one. Who looks is what WhoAmI says, which
// the tests put before the page; that the server enforces it is tested with the server.
import { assert, ended, home, open, seen, submit, test } from "./harness.mjs";

const whoAmI = "**/stoker.v1.AccessService/WhoAmI";

/** principal is a WhoAmIResponse in its binary form: a principal with name, kind and role. */
function principal(name, role) {
  const inner = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name), Buffer.from([0x10, 2, 0x18, role])]);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner]);
}
const as = (page, name, role) => page.route(whoAmI, (r) => r.fulfill({ contentType: "application/proto", body: principal(name, role) }));

test("a viewer sees everything and is offered nothing", async (t) => {
  const batch = await submit(t, "looked at", ["broken/v.mov", "ok/v.mov"]);
  await ended(batch);
  const page = await open(t, "#/nowhere");
  await as(page, "token:eve", 1);
  await page.goto(home + `#/batches/${batch.number}`);
  await page.reload();
  await page.getByRole("row", { name: /broken\/v/ }).waitFor();
  await page.getByRole("button", { name: "viewer" }).waitFor();
  assert.equal(await page.getByRole("button", { name: /Retry|Cancel|Pause|More/ }).count(), 0);
  assert.equal(await page.getByRole("checkbox").count(), 0);
  assert.deepEqual(await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents(), ["Batches", "Accounts"]);
  await page.goto(home + "#/accounts/default");
  await seen(page, "Queued of target");
  assert.equal(await page.getByRole("button", { name: /Pause|Set target/ }).count(), 0);
  await page.goto(home + "#/audit");
  await seen(page, "You may not read the audit log");
  await page.goto(home + "#/submit");
  await seen(page, "You may not submit batches");
  await seen(page, /Your role is viewer\./);
});

test("a submitter steers what it has submitted, and an operator everything but the audit log", async (t) => {
  const batch = await submit(t, "of somebody else", ["broken/s.mov"]);
  await ended(batch);
  const page = await open(t, "#/nowhere");
  await as(page, "token:ci", 2);
  await page.goto(home + `#/batches/${batch.number}`);
  await page.reload();
  await page.getByRole("row", { name: /broken\/s/ }).waitFor();
  assert.equal(await page.getByRole("button", { name: /Retry/ }).count(), 0);
  await page.getByRole("link", { name: "Submit", exact: true }).waitFor();
  await as(page, batch.created_by, 2);
  await page.reload();
  await page.getByRole("button", { name: "Retry 1 failed…" }).waitFor();
  await as(page, "token:op", 3);
  await page.reload();
  await page.getByRole("button", { name: "Retry 1 failed…" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Audit" }).count(), 0);
});

test("a token is asked for once, and the page goes on where it was", async (t) => {
  const batch = await submit(t, "behind a login", ["ok/l.mov"]);
  await ended(batch);
  const page = await open(t, "#/nowhere", { lost: true });
  const refuse = (r) => r.fulfill({ status: 401, contentType: "application/json", body: '{"code":"unauthenticated","message":"who are you?"}' });
  await page.route(whoAmI, refuse);
  await page.route("**/login", refuse);
  await page.goto(home + `#/batches/${batch.number}`);
  await page.reload();
  await page.getByLabel("Token").fill("not-a-known-one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("This token is not known here.").waitFor();
  await page.unroute("**/login");
  await page.route("**/login", (r) => {
    assert.deepEqual(r.request().postDataJSON(), { token: "a-known-one" });
    return r.fulfill({ status: 200, contentType: "application/json", body: "{}" });
  });
  await page.unroute(whoAmI);
  await as(page, "token:op", 3);
  await page.getByLabel("Token").fill("a-known-one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("row", { name: /ok\/l/ }).waitFor();
  assert.equal(await page.evaluate(() => document.body.innerText.includes("a-known-one")), false);
});

test("the audit log says who did what", async (t) => {
  const batch = await submit(t, "audited", ["ok/a.mov"]);
  await ended(batch);
  const page = await open(t, `#/audit?target=${batch.id}`);
  const row = page.getByRole("row", { name: /SubmitBatch/ });
  await row.getByText("done").waitFor();
  await row.getByText("local").first().waitFor();
  await page.getByRole("radio", { name: "Refused" }).click();
  await seen(page, "No entry matches");
});

test("what was about to be submitted is still there after another login", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await page.getByLabel("List of jobs").setInputFiles({ name: "half done.csv", mimeType: "text/csv", buffer: Buffer.from("key,input_path\na,in/a.mov\n") });
  await page.getByLabel("Labels").fill("team=vod");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
  const refuse = (r) => r.fulfill({ status: 401, contentType: "application/json", body: '{"code":"unauthenticated","message":"who are you?"}' });
  await page.route("**/stoker.v1.SubmissionService/CheckList", refuse, { times: 1 });
  await page.getByLabel("Priority").fill("70");
  await page.getByLabel("Token").waitFor();
  await page.route("**/login", (r) => r.fulfill({ status: 200, contentType: "application/json", body: "{}" }));
  // A browser that does not keep the token, and then one that does.
  await page.route(whoAmI, refuse, { times: 1 });
  await page.getByLabel("Token").fill("a-known-one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText(/^The token is valid, but the browser does not keep it/).waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await seen(page, "half done.csv");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
  assert.deepEqual(await Promise.all(["Name", "Priority", "Labels"].map((label) => page.getByLabel(label).inputValue())), ["half done", "70", "team=vod"]);
});

test("a login that ends takes with it what was asked and said", async (t) => {
  const batch = await submit(t, "asked about", ["long/q.mov"]);
  const page = await open(t, "#/nowhere", { lost: true });
  await page.goto(home + `#/batches/${batch.number}`);
  await page.getByRole("button", { name: "Cancel…", exact: true }).click();
  await page.getByRole("dialog").waitFor();
  const refuse = (r) => r.fulfill({ status: 401, contentType: "application/json", body: '{"code":"unauthenticated","message":"who are you?"}' });
  await page.route("**/stoker.v1.**", refuse);
  await page.getByRole("button", { name: "Cancel 1 job" }).click();
  await seen(page, /^Your login has ended\. Paste a token/);
  await page.unroute("**/stoker.v1.**");
  await page.route("**/login", (r) => r.fulfill({ status: 200, contentType: "application/json", body: "{}" }));
  await page.getByLabel("Token").fill("a-known-one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: /asked about/ }).waitFor();
  await page.getByRole("button", { name: "Cancel…", exact: true }).click();
  // Another call ends the login while the question is asked.
  await page.route("**/stoker.v1.**", refuse);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0, "a question is left");
  assert.equal(await page.getByRole("alert").getByText(/Not cancelled/).count(), 0, "what was said is left");
});
