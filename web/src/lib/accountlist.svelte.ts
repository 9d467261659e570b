// The accounts and how busy they were in the last hour: every page may ask, one call answers all.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Account } from "../gen/stoker/v1/account_service_pb";
import { accounts } from "./api";
import { ms } from "./format";

class AccountList {
  accounts = $state.raw<Account[]>([]);
  /** How many encodings of ours ran over the last hour, by account: when, as a share of the hour, and how many. */
  running = $state.raw<Record<string, [number, number][]>>({});

  async load(signal: AbortSignal) {
    const answer = await accounts.listAccounts({}, { signal });
    this.accounts = answer.accounts;
  }

  async loadHistory(signal: AbortSignal) {
    const begin = Date.now() - 3_600_000;
    const since = timestampFromMs(begin);
    const found = await Promise.all(
      this.accounts.slice(0, 12).map(async (a) => {
        const history = await accounts.getAccountHistory({ accountId: a.id, since, step: { seconds: 90n } }, { signal });
        return [a.id, history.samples.map((s): [number, number] => [(ms(s.time) - begin) / 3_600_000, s.runningCount])] as const;
      }),
    );
    this.running = Object.fromEntries(found);
  }
}

export const accountList = new AccountList();
