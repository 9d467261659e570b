package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

const failureLimitUsage = "`LIMIT`: pause when so many jobs have failed: 20, or 2%; 0: never"

// parseFailureLimit parses the value of --failure-limit: a number of jobs, or a share of the finished ones.
func parseFailureLimit(text string) (*stokerv1.FailureLimit, error) {
	number, share := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	switch {
	case err != nil || n < 0 || share && n > 100:
		return nil, usagef("--failure-limit %s: want a number of jobs, such as 20, or a share of the finished ones, such as 2%%", text)
	case share:
		return &stokerv1.FailureLimit{Percent: int32(n)}, nil
	case n > math.MaxInt32:
		return nil, usagef("--failure-limit %s: the number is too large", text)
	}
	return &stokerv1.FailureLimit{Count: n}, nil
}

// failureLimitText is a failure limit in words.
func failureLimitText(l *stokerv1.FailureLimit) string {
	var parts []string
	if l.GetCount() > 0 {
		parts = append(parts, output.Number(l.GetCount()))
	}
	if l.GetPercent() > 0 {
		parts = append(parts, fmt.Sprintf("%d %%", l.GetPercent()))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " or ")
}
