package output

import (
	"fmt"
	"time"
)

// machineTime is how programs get times: RFC 3339 in UTC, with milliseconds.
const machineTime = "2006-01-02T15:04:05.000Z"

// Time is a time for people, to the second: of today 14:02:31, of this week Sat 14:02:31, of this year
// 21 Nov 14:02, else 2025-11-21.
func (l Look) Time(t time.Time) string { return l.format(t, "15:04:05") }

// Minute is [Look.Time] without seconds, for forecasts.
func (l Look) Minute(t time.Time) string { return l.format(t, "15:04") }

// Clock is the time of the day and the zone, for the title of a single thing: 14:02:31 CET.
func (l Look) Clock() string {
	now := l.Now.In(l.zone())
	if l.UTC {
		return now.Format("15:04:05Z")
	}
	return now.Format("15:04:05 MST")
}

// Stamp is the date and time of a line in a log.
func (l Look) Stamp(t time.Time) string {
	return t.In(l.zone()).Format("2006-01-02 15:04:05") + l.suffix()
}

// Range is a range of times in a forecast, such as 20:20–21:30. The day stands once if both have it.
func (l Look) Range(from, to time.Time) string {
	first, last := l.Minute(from), l.Minute(to)
	if first == last {
		return first
	}
	if l.days(from) == l.days(to) && l.days(to) != 0 && l.withinWeek(to) {
		last = to.In(l.zone()).Format("15:04") + l.suffix()
	}
	return first + l.Spell("–") + last
}

// format is a time as it is named on the present day; clock is the layout of the time of the day.
func (l Look) format(t time.Time, clock string) string {
	local := t.In(l.zone())
	switch {
	case l.Now.IsZero(): // for a program
		return t.UTC().Format(machineTime)
	case l.days(t) == 0:
		return local.Format(clock) + l.suffix()
	case l.withinWeek(t):
		return local.Format("Mon "+clock) + l.suffix()
	case t.After(l.Now.AddDate(-1, 0, 0)) && t.Before(l.Now.AddDate(1, 0, 0)):
		return local.Format("2 Jan 15:04") + l.suffix()
	}
	return local.Format("2006-01-02")
}

func (l Look) suffix() string {
	if l.UTC {
		return "Z"
	}
	return ""
}

// withinWeek reports whether the weekday alone tells which day a time lies on.
func (l Look) withinWeek(t time.Time) bool {
	days := l.days(t)
	return -7 < days && days < 7
}

// days is how many days after today a time lies, by the calendar of the zone.
func (l Look) days(t time.Time) int {
	day := func(t time.Time) time.Time {
		year, month, day := t.In(l.zone()).Date()
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	return int(day(t).Sub(day(l.Now)).Hours() / 24)
}

// Duration is a duration for people: 12 s, 4:03, 41 min, 9 h 41, 3 d 4 h. A negative one is 0 s.
func Duration(d time.Duration) string {
	seconds := int64(max(d, 0).Round(time.Second) / time.Second)
	switch minutes := seconds / 60; {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case minutes < 10:
		return fmt.Sprintf("%d:%02d", minutes, seconds%60)
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 24*60:
		return fmt.Sprintf("%d h %02d", minutes/60, minutes%60)
	default:
		return fmt.Sprintf("%d d %d h", minutes/60/24, minutes/60%24)
	}
}
