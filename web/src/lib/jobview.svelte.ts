// One job as its page keeps it: asked for again every second or two while it goes on.

import type { GetJobResponse } from "../gen/stoker/v1/batch_service_pb";
import { batches } from "./api";
import { live } from "./live.svelte";
import { jobEnded } from "./words";

export class JobView {
  got = $state.raw<GetJobResponse | undefined>();
  problem = $state.raw<{ text: string; missing: boolean } | undefined>();

  #id: string;
  #now: () => void = () => {};

  constructor(id: string) {
    this.#id = id;
  }

  /** Asks again and again until the returned function is called. */
  watch(): () => void {
    this.#now = () => live.retry();
    return live.keep(
      async (signal, alive) => {
        const got = await batches.getJob({ jobId: this.#id }, { signal });
        alive();
        if (!live.held) this.got = got;
        return jobEnded(got.job!.state) ? 5000 : 1500;
      },
      (text, code) => (this.problem = { text, missing: code === 5 || code === 3 }),
    );
  }

  /** Asks at once. */
  refresh() {
    this.#now();
  }
}
