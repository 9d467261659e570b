// A list is checked by the server's own rules, and its mistakes stand at their lines.
import { act, assert, call, ended, open, seen, submit, test, until } from "./harness.mjs";

const drop = (page, name, text) =>
  page.getByLabel("List of jobs").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

test("mistakes stand at their lines, and are mended before anything is submitted", async (t) => {
  const page = await open(t, "#/submit");
  await seen(page, "Drop a list here");
  const lines = Array.from({ length: 30 }, (_, i) => `k-${i + 1},titles/e${i + 1}.mov,out/e${i + 1}`);
  lines[16] = "k-17,titles/e17.mov,out/e16";
  lines[24] = "k-25,,out/e25";
  await drop(page, "kids-catalogue.csv", ["key,input_path,output_path", ...lines].join("\n"));
  await seen(page, "2 mistakes");
  await seen(page, "lines 2 to 17 are right");
  await page.getByRole("row", { name: /^18 / }).waitFor();
  await page.getByRole("row", { name: /^26 / }).waitFor();
  const submit = page.getByRole("button", { name: /^Submit/ });
  assert.ok(await submit.isDisabled());
  await seen(page, "2 mistakes to mend first");

  lines[16] = "k-17,titles/e17.mov,out/e17";
  lines[24] = "k-25,titles/e25.mov,out/e25";
  await drop(page, "kids-catalogue.csv", ["key,input_path,output_path", ...lines].join("\n"));
  await seen(page, "no mistakes");
  assert.equal(await page.getByLabel("Name").inputValue(), "kids catalogue");
  await page.getByLabel("Priority").fill("20");
  await page.getByLabel("Labels").fill("team=vod");
  await page.getByRole("button", { name: "Submit 30 jobs" }).click();
  await seen(page, "“kids catalogue” is submitted: 30 jobs");
  await page.getByRole("heading", { level: 1, name: /kids catalogue/ }).waitFor();
  const { batches } = await call("BatchService/ListBatches", { text: "kids catalogue" });
  assert.equal(batches.length, 1);
  assert.equal(batches[0].priority, 20);
  assert.deepEqual(batches[0].labels, { team: "vod" });
  await ended(batches[0]);

  // Now there are encodings to plan from, and jobs to leave out.
  await page.getByRole("link", { name: "Submit", exact: true }).click();
  await drop(page, "again.csv", ["key,input_path,output_path", ...lines, "k-31,titles/e31.mov,out/e31"].join("\n"));
  await seen(page, /^About /);
  await seen(page, /As account default ran lately/);
  await page.getByLabel("Leave out what has succeeded before").check();
  await page.getByRole("button", { name: "Submit 1 job" }).waitFor();
  await seen(page, "30 jobs succeeded before and are left out.");
});

test("a template asks for its variables", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await drop(page, "titles.csv", "key,input_path\na,in/a.mov\n");
  await seen(page, "no mistakes");
  await page.getByRole("radio", { name: "Template" }).click();
  await seen(page, "for all jobs, or give the list a column var:file");
  await seen(page, /mistake to mend first|mistakes to mend first/);
  await page.getByLabel("Variable file").fill("a\u200bb");
  await seen(page, "A value above is to be mended first");
  await page.getByLabel("Variable file").fill("feature");
  await seen(page, "with file “feature”.");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
  await drop(page, "titles.csv", "key,input_path,var:file\na,in/a.mov,A title\n");
  await seen(page, "from the list, column var:file");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
});

test("files of another kind are answered with what to do", async (t) => {
  const page = await open(t, "#/submit");
  await drop(page, "titles.xlsx", "PK\u0003\u0004");
  await seen(page, "titles.xlsx is a spreadsheet");
  await seen(page, "CSV UTF-8");
  await drop(page, "empty.csv", "");
  await seen(page, "empty.csv is empty");
  await drop(page, "paths.txt", "in/one.mov\nin/two.mov\n");
  await page.getByText("paths.txt").waitFor();
});

test("a pasted list, JSON Lines, and a label that is none", async (t) => {
  const page = await open(t, "#/submit");
  await seen(page, "Drop a list here");
  await page.evaluate(() => navigator.clipboard.writeText('{"key":"a","input_path":"in/a.mov"}\n{"key":"b","input_path":"in/b.mov"}\n'));
  await page.keyboard.press("Control+V");
  await seen(page, "pasted list");
  await page.getByRole("button", { name: "Submit 2 jobs" }).waitFor();
  await page.getByLabel("Labels").fill("team");
  await seen(page, "“team” is no label: write name=value");
  assert.ok(await page.getByRole("button", { name: /^Submit/ }).isDisabled());
});

test("an array of JSON on one line has all of its jobs on that line", async (t) => {
  const page = await open(t, "#/submit");
  const list = (...names) => JSON.stringify(names.map((name) => ({ key: name, input_path: `in/${name}.mov` })));
  await drop(page, "array.json", list("a", "b", "c"));
  await page.getByRole("row", { name: "1 c in/c.mov" }).waitFor();
  await drop(page, "array.json", list("b", "d"));
  await page.getByRole("row", { name: "1 d in/d.mov" }).waitFor();
  assert.equal(await page.getByRole("row").count(), 3);
  await page.getByRole("button", { name: "Submit 2 jobs" }).waitFor();
});

test("an output folder and values hold for the whole batch", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await drop(page, "season.csv", "key,input_path,var:file\na,ok/a.mov,\nb,ok/b.mov,of b\n");
  await page.getByRole("radio", { name: "Template" }).click();
  await page.getByLabel("Output folder").fill("/kids");
  await seen(page, "leave out the slash at the beginning");
  assert.ok(await page.getByRole("button", { name: /^Submit/ }).isDisabled());
  await page.getByLabel("Output folder").fill("kids/2026");
  await seen(page, "s3://encodes/kids/2026/ok/a");
  await seen(page, "for the jobs without one in the list");
  await page.getByLabel("Variable file").fill("episode");
  await seen(page, "All jobs write into s3://encodes/kids/2026/, with file “episode” unless the list says otherwise.");
  await page.getByRole("button", { name: "Submit 2 jobs" }).click();
  await page.getByRole("heading", { level: 1, name: /season/ }).waitFor();
  const { batches } = await call("BatchService/ListBatches", { text: "season" });
  const { jobs } = await call("BatchService/ListJobs", { batch_id: batches[0].id });
  assert.deepEqual(jobs.map((j) => [j.output_path, j.variables.file]), [["kids/2026/ok/a", "episode"], ["kids/2026/ok/b", "of b"]]);
  await ended(batches[0]);
});

test("a plan says that its account starts nothing", async (t) => {
  await call("AccountService/PauseAccount", { account_id: "archive", reason: "new contract" });
  t.after(() => call("AccountService/ResumeAccount", { account_id: "archive" }));
  const page = await open(t, "#/submit");
  await drop(page, "later.csv", "key,input_path\na,ok/a.mov\n");
  await page.getByLabel("Account").selectOption("archive");
  await seen(page, "Account archive is paused.");
  await seen(page, /New contract\. .*Nothing starts until somebody resumes it\./);
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
});

test("a plan names the batches that go first and those that share", async (t) => {
  const paths = (n) => Array.from({ length: n }, (_, i) => `long/p${i}.mov`);
  const beside = await submit(t, "beside it", paths(9));
  await until(beside, (b) => b.counts?.running === "4" && b.counts?.queued === "3");
  const urgent = await submit(t, "urgent", paths(5), { priority: 90 });
  const page = await open(t, "#/submit");
  await drop(page, "later.csv", "key,input_path\na,ok/a.mov\n");
  await seen(page, /^Its jobs wait behind “urgent” \(5 jobs\), of a higher priority\. They share the encoders with “beside it” \(2 jobs\), of the same priority\.$/);
  assert.match(await page.getByRole("link", { name: "“urgent”" }).getAttribute("href"), new RegExp(`/${urgent.number}$`));
});

test("a list with more jobs than a submission takes is answered with the way that takes them", async (t) => {
  const page = await open(t, "#/submit");
  page.setDefaultTimeout(30_000);
  await drop(page, "all.txt", Array.from({ length: 150_001 }, (_, i) => `in/${i}.mov\n`).join(""));
  await page.getByRole("button", { name: "Read it so" }).click();
  await seen(page, /the list has more than 100,?000 jobs: send the jobs in parts with AddJobs, as stoker submit does/);
  assert.ok(await page.getByRole("button", { name: /^Submit/ }).isDisabled());
});

test("a list that could not be checked is checked once the server is back", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await seen(page, "Drop a list here");
  t.after(() => act("open"));
  await act("shut");
  await drop(page, "early.csv", "key,input_path\na,in/a.mov\n");
  await seen(page, /^The server cannot be reached\.$/);
  await act("open");
  await seen(page, "no mistakes");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
});

test("a submission without an answer is not called off, and repeating it makes no second batch", async (t) => {
  const page = await open(t, "#/submit", { lost: true });
  await drop(page, "unheard of.csv", "key,input_path\na,ok/u.mov\n");
  await page.route("**/stoker.v1.BatchService/SubmitBatch", async (route) => {
    await route.fetch({ headers: { ...route.request().headers(), "sec-fetch-site": "same-origin" } });
    await route.abort();
  }, { times: 1 });
  await page.getByRole("button", { name: "Submit 1 job" }).click();
  await page.getByRole("alert").getByText(/It may have taken the list all the same: submit it once more, unchanged/).waitFor();
  assert.equal(await page.getByText(/Not submitted/).count(), 0);
  await page.getByRole("button", { name: "Submit 1 job" }).click();
  await page.getByRole("heading", { level: 1, name: /unheard of/ }).waitFor();
  const { batches } = await call("BatchService/ListBatches", { text: "unheard of" });
  assert.equal(batches.length, 1);
  await ended(batches[0]);
});

test("what cannot be read is said, and nothing of an earlier list is left to submit", async (t) => {
  const page = await open(t, "#/submit");
  const unread = async (size) => {
    await drop(page, "good.csv", "key,input_path\na,in/a.mov\n");
    await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
    await page.evaluate((size) => {
      window.read = Blob.prototype.arrayBuffer;
      window.size = Object.getOwnPropertyDescriptor(Blob.prototype, "size");
      Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException("it is a folder", "NotFoundError"));
      if (size) Object.defineProperty(Blob.prototype, "size", { ...window.size, get: () => size });
    }, size);
    await drop(page, "other", "what is in it cannot be read");
  };
  const restore = () =>
    page.evaluate(() => {
      Blob.prototype.arrayBuffer = window.read;
      Object.defineProperty(Blob.prototype, "size", window.size);
    });
  await unread();
  await seen(page, "other cannot be read");
  assert.ok(await page.getByRole("button", { name: /^Submit/ }).isDisabled());
  await restore();
  await unread(5e9); // a film
  await seen(page, "other is too large for the page");
  assert.ok(await page.getByRole("button", { name: /^Submit/ }).isDisabled());
  assert.equal(await page.getByText("no mistakes").count(), 0);
  await restore();
});

test("the name follows the list until somebody chooses one, and an empty priority is the usual one", async (t) => {
  const page = await open(t, "#/submit");
  const name = page.getByLabel("Name");
  await drop(page, "first.csv", "key,input_path\na,in/a.mov\n");
  await seen(page, "no mistakes");
  await drop(page, "second_list.csv", "key,input_path\na,ok/p.mov\n");
  await seen(page, "second_list.csv");
  assert.equal(await name.inputValue(), "second list");
  await name.fill("");
  await drop(page, `${"a-long-".repeat(35)}name.csv`, "key,input_path\na,ok/p.mov\n");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).waitFor();
  assert.equal((await name.inputValue()).length, 200);
  await name.fill("by hand");
  await drop(page, "third.csv", "key,input_path\na,ok/p.mov\n");
  await seen(page, "third.csv");
  assert.equal(await name.inputValue(), "by hand");
  await page.getByLabel("Priority").fill("");
  await page.getByRole("button", { name: "Submit 1 job" }).and(page.locator(":enabled")).click();
  await page.getByRole("heading", { level: 1, name: /by hand/ }).waitFor();
  const { batches } = await call("BatchService/ListBatches", { text: "by hand" });
  assert.equal(batches[0].priority, 50);
  await ended(batches[0]);
});

test("a list of JSON on one line shows each of its jobs", async (t) => {
  const page = await open(t, "#/submit");
  const list = (...paths) => JSON.stringify(paths.map((input_path) => ({ input_path })));
  const shown = () => page.locator("section", { hasText: "Rows" }).locator("tbody tr td:nth-child(3)").allTextContents();
  await drop(page, "one.json", list("in/a.mov", "in/b.mov", "in/c.mov"));
  await seen(page, "in/c.mov");
  assert.deepEqual(await shown(), ["in/a.mov", "in/b.mov", "in/c.mov"]);
  await drop(page, "two.json", list("in/d.mov", "in/e.mov"));
  await seen(page, "in/e.mov");
  assert.deepEqual(await shown(), ["in/d.mov", "in/e.mov"]);
});
