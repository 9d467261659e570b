// A server that has no batches yet; this file comes first.
import { open, seen, test } from "./harness.mjs";

test("without batches, the list says what a batch is and offers two ways in", async (t) => {
  const page = await open(t);
  await seen(page, "No batches yet");
  await seen(page, "Submit a list");
  await page.getByRole("link", { name: "Try the sample: 6 jobs" }).click();
  await seen(page, "no mistakes");
  await page.getByRole("button", { name: "Submit 6 jobs" }).waitFor();
});
