// People log in with tokens that the server has made, at a service that asks for them, and get what their role may do.
import { assert, fits, guarded, seen, test, visit } from "./harness.mjs";

/** logIn opens a page, types a token, and waits until the page has gone on to a batch. */
async function logIn(t, service, token, hash) {
  const page = await visit(t, service.url, hash);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: /of the login/ }).waitFor();
  return page;
}

test("a viewer and an operator log in with real tokens", async (t) => {
  const service = await guarded();
  const hash = `#/batches/${service.batch}`;
  const stranger = await visit(t, service.url, hash);
  await stranger.getByLabel("Token").fill(service.viewer.slice(0, -1) + (service.viewer.endsWith("A") ? "B" : "A"));
  await stranger.getByRole("button", { name: "Sign in" }).click();
  await stranger.getByRole("alert").getByText("This token is not known here.").waitFor();
  assert.equal(await stranger.evaluate(() => document.activeElement.id), "token", "the focus is lost");

  const viewer = await logIn(t, service, service.viewer, hash);
  await viewer.getByRole("button", { name: "viewer" }).waitFor();
  assert.equal(await viewer.getByRole("button", { name: /Retry|Cancel|Pause|More/ }).count(), 0);
  assert.deepEqual(await viewer.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents(), ["Batches", "Accounts"]);
  // What the page does not offer, the server refuses.
  const refused = await viewer.evaluate(async (batch) => {
    const answer = await fetch("stoker.v1.BatchService/PauseBatch", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ batch_id: String(batch) }),
    });
    return (await answer.json()).code;
  }, service.batch);
  assert.equal(refused, "permission_denied");
  const cookies = await viewer.context().cookies();
  assert.deepEqual(cookies.map((c) => [c.name, c.httpOnly, c.secure, c.sameSite]), [["__Host-stoker", true, true, "Strict"]]);
  assert.equal(await viewer.evaluate(() => document.cookie), "", "a script can read the token");

  const operator = await logIn(t, service, service.operator, hash);
  await operator.getByRole("button", { name: "Pause", exact: true }).click();
  await seen(operator, "“of the login” is paused");
  // The viewer sees it live; the login outlasts a reload, and ends when they sign out.
  await viewer.getByRole("heading", { level: 1, name: /paused/ }).waitFor();
  await viewer.reload();
  await viewer.getByRole("heading", { level: 1, name: /of the login/ }).waitFor();
  await viewer.getByRole("button", { name: "viewer" }).click();
  await viewer.getByLabel("Token").waitFor();
  await viewer.reload();
  await viewer.getByLabel("Token").waitFor();
});

for (const width of [390, 768]) {
  test(`in a window of ${width} pixels people sign out, too`, async (t) => {
    const service = await guarded();
    const page = await logIn(t, service, service.operator, `#/batches/${service.batch}`);
    await page.setViewportSize({ width, height: 844 });
    await page.getByRole("button", { name: /^Signed in as .*, operator$/ }).click();
    await fits(page);
    await page.getByRole("menuitem", { name: "Keyboard help" }).click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter"); // the menu has the focus again
    await page.getByRole("menuitem", { name: "Sign out (operator)" }).click();
    await page.getByLabel("Token").waitFor();
    await page.reload();
    await page.getByLabel("Token").waitFor();
  });
}

test("who signs in in one tab is signed in in the others, once they are shown", async (t) => {
  const service = await guarded();
  const page = await logIn(t, service, service.operator, `#/batches/${service.batch}`);
  const other = await page.context().newPage();
  await other.goto(`${service.url}/#/batches/${service.batch}`);
  await other.getByRole("heading", { level: 1, name: /of the login/ }).waitFor();
  await page.getByRole("button", { name: "operator: sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await other.reload();
  await other.getByLabel("Token").waitFor();
  await page.getByLabel("Token").fill(service.viewer);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: /of the login/ }).waitFor();
  await other.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await other.getByRole("heading", { level: 1, name: /of the login/ }).waitFor();
  await other.getByRole("button", { name: "viewer: sign out" }).waitFor();
});

test("a server that cannot be reached signs nobody out, and the page says so", async (t) => {
  const service = await guarded();
  const page = await logIn(t, service, service.operator, `#/batches/${service.batch}`);
  await page.route("**/logout", (route) => route.abort(), { times: 1 });
  await page.getByRole("button", { name: "operator" }).click();
  await page.getByRole("alert").getByText("Not signed out: The server cannot be reached.").waitFor();
  await page.getByRole("button", { name: "operator" }).click();
  await page.getByLabel("Token").waitFor();
});
