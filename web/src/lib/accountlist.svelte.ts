// The accounts and how busy they were lately: every page may ask, one call answers all.

import type { Account } from "../gen/stoker/v1/account_service_pb";
import { accounts } from "./api";
import { ms } from "./format";
import { historyOf } from "./history";

class AccountList {
  accounts = $state.raw<Account[]>([]);
  /** How many encodings of ours ran lately, by account: when, as a share of the time shown, and how many. */
  running = $state.raw<Record<string, [number, number][]>>({});

  /** Forgets what only the one who has signed out may see. */
  forget() {
    this.accounts = [];
    this.running = {};
  }

  async load(signal: AbortSignal) {
    const answer = await accounts.listAccounts({}, { signal });
    this.accounts = answer.accounts;
  }

  async loadHistory(signal: AbortSignal) {
    const found = await Promise.all(
      this.accounts.slice(0, 12).map(async (a) => {
        const { history, from, to } = await historyOf(a.id, 3_600_000, 40, signal);
        return [a.id, history.samples.map((s): [number, number] => [(ms(s.time) - from) / (to - from), s.runningCount])] as const;
      }),
    );
    this.running = Object.fromEntries(found);
  }
}

export const accountList = new AccountList();
