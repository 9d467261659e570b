package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// everyRun is a number of runs that no encoding has.
const everyRun = -1

// scriptedFailure is a film of which encodings fail.
type scriptedFailure struct {
	film    string // part of its input path
	runs    int    // how many of its first runs fail, or everyRun
	outcome simulator.Outcome
}

// filmFailures are the films that fail: three of them succeed after a retry, and one fails for good.
func filmFailures() []scriptedFailure {
	const length = 1500 * time.Millisecond
	return []scriptedFailure{
		{"big-buck-bunny", 1, encoderLost(length)},
		{"sita-sings-the-blues", 1, failure(length, 20004, "DOWNLOAD ERROR", simulator.Retry, "Reading the input file was interrupted: connection reset by peer")},
		{"metropolis", 2, encoderLost(length)},
		{"white-zombie", everyRun, failure(length, 10003, "DECODING ERROR", simulator.NoRetry,
			"The input file could not be decoded: the Matroska segment ends after 41 of 67 minutes")},
	}
}

// filmOutcome is how a run of a film ends.
func filmOutcome(path string, run int) simulator.Outcome {
	for _, f := range filmFailures() {
		if strings.Contains(path, f.film) && (run <= f.runs || f.runs == everyRun) {
			return f.outcome
		}
	}
	return simulator.Outcome{}
}

// CheckFilms returns an error if a batch of the films did not end as it should: so many of them were retried with
// success, failed for good, and succeeded in all.
func CheckFilms(retried, failed int, succeeded int64) error {
	wantRetried, wantFailed := 0, 0
	for _, f := range filmFailures() {
		if f.runs == everyRun {
			wantFailed++
		} else {
			wantRetried++
		}
	}
	if retried != wantRetried || failed != wantFailed || succeeded == 0 {
		return fmt.Errorf("the demo did not go as scripted: %d titles retried and %d failed, want %d and %d",
			retried, failed, wantRetried, wantFailed)
	}
	return nil
}
