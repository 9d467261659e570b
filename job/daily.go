package job

import "time"

// DailyStarts is how many starts an account has made on one day.
type DailyStarts struct {
	Day  time.Time // the beginning of the day, UTC
	Made int       // recorded starts, without those that turned out not to have been made
	// Forgiven is how many of these no longer count towards the account's daily limit, because
	// the account was resumed after it had reached the limit.
	Forgiven int
}

// Counted is how many starts count towards the account's daily limit.
func (s DailyStarts) Counted() int { return s.Made - s.Forgiven }

// Day is the beginning of the day of t. Days are days in UTC.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
