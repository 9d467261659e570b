package job

import "time"

// DailyStarts is how many starts were made on one day: by an account, or of the batches of a principal.
type DailyStarts struct {
	Day  time.Time // the beginning of the day, UTC
	Made int       // recorded starts, without those that turned out not to have been made
	// Forgiven is how many of these no longer count towards the account's daily limit, because
	// the account was resumed after it had reached the limit. Starts of a principal are not forgiven.
	Forgiven int
}

// Counted is how many starts count towards the daily limit.
func (s DailyStarts) Counted() int { return s.Made - s.Forgiven }

// Day is the beginning of the day of t. Days are days in UTC.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// StartLimit is a daily limit of starts that is reached.
type StartLimit struct {
	Starts int       // how many a day may have
	Until  time.Time // when the day ends
}

// Except says which batches are left out of a line.
type Except struct {
	Batches    []int64  // by sequence number
	Principals []string // by who submitted them
}
