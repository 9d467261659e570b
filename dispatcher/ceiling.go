package dispatcher

import (
	"context"
	"fmt"
	"time"
)

// The ceiling of starts a day is the last guard against a loop that nobody thought of:
// whatever goes wrong, it costs no more than so many encodings. The job table counts, in
// the transaction that records a start, so that the count survives the process.

// readDailyStarts reads how many starts the account has made today.
func (d *accountLoop) readDailyStarts(ctx context.Context, now time.Time) error {
	if d.account.MaxStartsPerDay == 0 {
		return nil
	}
	starts, err := d.store.DailyStarts(ctx, d.account.ID, now)
	if err != nil {
		return err
	}
	before := d.dailyStartsUsedUp()
	d.dailyStarts = starts
	if d.dailyStartsUsedUp() && !before {
		d.log.Warn("the account has made all starts that it may make in a day; it goes on with the next day, or when somebody resumes it",
			"limit", d.account.MaxStartsPerDay, "until", d.dayEnd())
	}
	return nil
}

// dailyStartsUsedUp reports whether the account has made all the starts of the day.
func (d *accountLoop) dailyStartsUsedUp() bool {
	limit := d.account.MaxStartsPerDay
	return limit > 0 && d.dailyStarts.Counted() >= limit
}

// dayEnd is when the day of which the starts are counted is over.
func (d *accountLoop) dayEnd() time.Time { return d.dailyStarts.Day.Add(24 * time.Hour) }

// dailyStartsReason tells people why the account does nothing.
func (d *accountLoop) dailyStartsReason() string {
	return fmt.Sprintf("all %d starts of the day are made; goes on at %s, or when it is resumed",
		d.account.MaxStartsPerDay, d.dayEnd().Format("2006-01-02 15:04 MST"))
}

// checkDailyStarts is an error if a start that has been recorded is one too many.
func (w *worker) checkDailyStarts(ctx context.Context) error {
	limit := w.account.MaxStartsPerDay
	if limit == 0 {
		return nil
	}
	starts, err := w.store.DailyStarts(ctx, w.account.ID, w.now())
	if err != nil {
		return err
	}
	if starts.Counted() > limit {
		return withdrawnError{fmt.Sprintf("the account has made the %d starts that it may make in a day", limit)}
	}
	return nil
}
