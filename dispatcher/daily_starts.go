package dispatcher

import (
	"fmt"
	"math"
	"time"

	"github.com/stokerd/stoker/job"
)

// dailyStarts limits the starts of an account in a day (UTC). The limit is the last guard against
// an endless loop of any kind: whatever goes wrong costs no more than max encodings a day. The
// job table counts in the transaction that records a start, so that the count survives the
// process.
type dailyStarts struct {
	max     int // 0: no limit
	counted job.DailyStarts
}

// usedUp reports whether the account has made all starts of the day.
func (s *dailyStarts) usedUp() bool { return s.max > 0 && s.counted.Counted() >= s.max }

// left is how many more starts the account may make today.
func (s *dailyStarts) left() int {
	if s.max == 0 {
		return math.MaxInt
	}
	return max(s.max-s.counted.Counted(), 0)
}

// dayEnd is when the counted day ends.
func (s *dailyStarts) dayEnd() time.Time { return dayEnd(s.counted) }

// pauseReason says why the account starts nothing once all starts are used up.
func (s *dailyStarts) pauseReason() string {
	return fmt.Sprintf("all %d starts of the day are made; goes on at %s, or when it is resumed",
		s.max, s.dayEnd().Format("2006-01-02 15:04 MST"))
}
