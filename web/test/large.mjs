// A batch of 100,000 jobs that wait.
import { call } from "./harness.mjs";

export async function makeLarge(t, count = 100_000, more = {}) {
  const jobs = Array.from({ length: count }, (_, i) => ({
    key: `title-${i + 1}`,
    name: `Title ${i + 1}`,
    input_path: `long/catalogue/${String(i % 1000).padStart(4, "0")}/title-${i + 1}.mov`,
  }));
  const { batch } = await call("BatchService/SubmitBatch", { display_name: "large", priority: 0, jobs, ...more });
  t?.after(() => call("BatchService/CancelBatch", { batch_id: batch.id }));
  return batch;
}
