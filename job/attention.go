package job

import "time"

// NeedsSomebody reports whether a batch has failed, or does not go on until somebody does something: it is
// paused, its account is paused or missing, the platform refuses what its jobs need, or it is open and has no
// jobs to do. a is the status of its account; nil: the account is not in the configuration.
func (b *Batch) NeedsSomebody(a *AccountStatus, now time.Time) bool {
	switch {
	case b.State == BatchFailed || b.State == BatchPaused:
		return true
	case !b.State.Dispatches():
		return false
	case b.State == BatchOpen && b.Counts.Unfinished() == 0:
		return true
	case b.Counts.Waiting == 0:
		return false
	}
	return a == nil || a.Paused && (!a.StartsExhausted() || !a.PausedSince.IsZero()) || a.Organisation.Until.After(now) || a.Problems[b.ID].Refused
}
