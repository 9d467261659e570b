package job

import "time"

// DailyStarts is how many starts an account has made on one day.
type DailyStarts struct {
	Day  time.Time // when it began, UTC
	Made int       // starts that were recorded and not given back
	// Forgiven is how many of these no longer count towards the account's ceiling,
	// because somebody resumed the account after it had been reached.
	Forgiven int
}

// Counted is how many starts count towards the account's ceiling.
func (s DailyStarts) Counted() int { return s.Made - s.Forgiven }

// Day is when the day of t began. Days are counted in UTC.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
