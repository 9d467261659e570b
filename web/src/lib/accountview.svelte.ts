// One account as its page keeps it.

import type { GetAccountHistoryResponse } from "../gen/stoker/v1/account_history_pb";
import type { Account } from "../gen/stoker/v1/account_service_pb";
import { accountList } from "./accountlist.svelte";
import { accounts } from "./api";
import { historyOf } from "./history";
import { beside, live } from "./live.svelte";

/** Spans that the chart can show, in hours, by the word of the address. */
export const spans: Record<string, number> = { "1h": 1, "6h": 6, "24h": 24 };

export class AccountView {
  account = $state.raw<Account | undefined>();
  history = $state.raw<GetAccountHistoryResponse | undefined>();
  /** When the shown history begins and ends. */
  from = $state(0);
  to = $state(0);
  problem = $state.raw<{ text: string; missing: boolean } | undefined>();

  #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  /** Asks again and again until the returned function is called. */
  watch(): () => void {
    return live.keep(
      async (signal, alive) => {
        if (accountList.accounts.length === 0 || !this.#id) await accountList.load(signal);
        this.#id ||= accountList.accounts[0]?.id ?? "default";
        const { account } = await accounts.getAccount({ accountId: this.#id }, { signal });
        alive();
        if (!live.held) this.account = account;
        return 2000;
      },
      (text, code) => (this.problem = { text, missing: code === 5 }),
    );
  }

  /** Keeps the history of the last hours until the returned function is called. */
  watchHistory(hours: number): () => void {
    return beside(hours > 6 ? 60_000 : 10_000, async (signal) => {
      if (!this.account || live.held) return;
      const found = await historyOf(this.account.id, hours * 3_600_000, 180, signal);
      [this.history, this.from, this.to] = [found.history, found.from, found.to];
    }).stop;
  }
}
