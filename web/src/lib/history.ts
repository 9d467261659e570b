// The history of an account, as charts show it.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { accounts } from "./api";
import { ms } from "./format";

const least = 5 * 60_000;

/** historyOf is the history of an account over a span of milliseconds, in about most samples. Of a server that started
 * lately it is what there is, so that it is not a sliver at the edge of a chart. */
export async function historyOf(accountId: string, span: number, most: number, signal: AbortSignal) {
  const to = Date.now();
  const ask = (from: number) => {
    const step = Math.max(10, Math.round((to - from) / most / 10_000) * 10);
    return accounts.getAccountHistory({ accountId, since: timestampFromMs(from), step: { seconds: BigInt(step) } }, { signal });
  };
  let from = to - span;
  let history = await ask(from);
  const begin = Math.min(ms(history.recordingSince), to - least);
  if (begin > to - span / 2) history = await ask((from = begin));
  return { history, from, to };
}
