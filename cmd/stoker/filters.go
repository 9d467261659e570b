package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// givenFilters is the flags of the given names as the user gave them, for a sentence about a list in which
// nothing matches.
func givenFilters(cmd *cobra.Command, names ...string) string {
	var given []string
	for _, name := range names {
		values, _ := givenValues(cmd, name)
		for _, value := range values {
			given = append(given, "--"+name+" "+shellQuote(value))
		}
	}
	return strings.Join(given, " ")
}

// givenValues returns the values of a flag, and reports whether the user gave the flag at all.
func givenValues(cmd *cobra.Command, name string) (values []string, given bool) {
	f := cmd.Flags().Lookup(name)
	if f == nil || !f.Changed {
		return nil, false
	}
	if many, ok := f.Value.(pflag.SliceValue); ok {
		return many.GetSlice(), true
	}
	return []string{f.Value.String()}, true
}

// parseTime reads the value of a flag that names a time, at the time now: 2h or 3d ago, 14:30 of today,
// today, yesterday, a date, a date with a time, or RFC 3339.
func parseTime(flag, value string, now time.Time) (*timestamppb.Timestamp, error) {
	if value == "" {
		return nil, nil
	}
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	switch strings.ToLower(value) {
	case "today":
		return timestamppb.New(today), nil
	case "yesterday":
		return timestamppb.New(today.AddDate(0, 0, -1)), nil
	}
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return timestamppb.New(now.AddDate(0, 0, -n)), nil
		}
	}
	if d, err := time.ParseDuration(value); err == nil && d >= 0 {
		return timestamppb.New(now.Add(-d)), nil
	}
	if t, err := time.ParseInLocation("15:04", value, now.Location()); err == nil {
		return timestamppb.New(time.Date(year, month, day, t.Hour(), t.Minute(), 0, 0, now.Location())), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, value, now.Location()); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, usagef("--%s %s: want a time such as 2h or 3d (ago), 14:30, yesterday, 2026-11-28, %q, or 2026-11-28T14:30:00Z", flag, value, "2026-11-28 14:30")
}
