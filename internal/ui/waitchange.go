package ui

import (
	"cmp"
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// changeWords says what ends a wait: what somebody can do, or that it ends by itself. batch and account are
// named in commands; empty if they are not known. It is empty where the reason says it already.
func changeWords(w *stokerv1.Wait, batch, account string) string {
	batch, account = cmp.Or(batch, "BATCH"), cmp.Or(account, w.GetSubject(), "ACCOUNT")
	const byItself = "goes on by itself"
	switch w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_BATCH_PAUSED:
		return "to go on: stoker resume " + batch
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED:
		return "to go on: stoker resume --account " + account
	case stokerv1.WaitCode_WAIT_CODE_DAILY_LIMIT:
		if w.GetSubject() != "" { // that of a principal, whatever the account
			return byItself + " on the next day (UTC); sooner: a higher ceiling in auth.max_starts_per_day"
		}
		return byItself + " on the next day (UTC); at once: stoker resume --account " + account
	case stokerv1.WaitCode_WAIT_CODE_ACCOUNT_MISSING:
		return fmt.Sprintf("to go on: put account %s back into the server's configuration", account)
	case stokerv1.WaitCode_WAIT_CODE_ORGANISATION:
		return "to go on: put the right organisation's key back"
	case stokerv1.WaitCode_WAIT_CODE_STORAGE:
		return fmt.Sprintf("to go on: correct what is refused; at once: stoker pause %s, stoker resume %s", batch, batch)
	case stokerv1.WaitCode_WAIT_CODE_MORE_JOBS:
		return fmt.Sprintf("to go on: stoker add %s LIST; to end it: stoker close %s", batch, batch)
	case stokerv1.WaitCode_WAIT_CODE_UNKNOWN_STATUS:
		return byItself + " with the first known status; or cancel it, or upgrade the server"
	case stokerv1.WaitCode_WAIT_CODE_PRIORITY:
		return fmt.Sprintf("%s; sooner: stoker update %s --priority N", byItself, batch)
	case stokerv1.WaitCode_WAIT_CODE_PLATFORM_FULL:
		return byItself + " when Bitmovin takes more encodings"
	case stokerv1.WaitCode_WAIT_CODE_QUEUE_FULL:
		return byItself + " when an encoder takes one"
	case stokerv1.WaitCode_WAIT_CODE_ENCODER:
		return byItself + " when an encoder is free"
	case stokerv1.WaitCode_WAIT_CODE_BREAKER:
		return byItself + " when Bitmovin can be used; no job loses an attempt"
	case stokerv1.WaitCode_WAIT_CODE_BUDGET, stokerv1.WaitCode_WAIT_CODE_BACKOFF, stokerv1.WaitCode_WAIT_CODE_PROBLEM,
		stokerv1.WaitCode_WAIT_CODE_RECONCILING, stokerv1.WaitCode_WAIT_CODE_COUNTING, stokerv1.WaitCode_WAIT_CODE_CONFIGURING,
		stokerv1.WaitCode_WAIT_CODE_UNKNOWN_START, stokerv1.WaitCode_WAIT_CODE_MISSING, stokerv1.WaitCode_WAIT_CODE_STOP,
		stokerv1.WaitCode_WAIT_CODE_START, stokerv1.WaitCode_WAIT_CODE_IN_LINE:
		return byItself
	}
	return ""
}

// sinceWords says since when something waits, if the reason does not say it.
func sinceWords(w *stokerv1.Wait, at func() string) string {
	switch w.GetCode() {
	case stokerv1.WaitCode_WAIT_CODE_BATCH_PAUSED, stokerv1.WaitCode_WAIT_CODE_ACCOUNT_PAUSED, stokerv1.WaitCode_WAIT_CODE_STORAGE,
		stokerv1.WaitCode_WAIT_CODE_PROBLEM, stokerv1.WaitCode_WAIT_CODE_ORGANISATION, stokerv1.WaitCode_WAIT_CODE_RECONCILING,
		stokerv1.WaitCode_WAIT_CODE_CONFIGURING, stokerv1.WaitCode_WAIT_CODE_START, stokerv1.WaitCode_WAIT_CODE_UNKNOWN_START,
		stokerv1.WaitCode_WAIT_CODE_STOP, stokerv1.WaitCode_WAIT_CODE_MORE_JOBS:
		if w.GetSince() != nil {
			return "since " + at()
		}
	}
	return ""
}
