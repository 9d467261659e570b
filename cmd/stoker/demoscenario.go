package main

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

const demoEncoders, demoQueueTarget = 8, 3

// scriptedFailure is a title of the demo of which encodings fail.
type scriptedFailure struct {
	title   string // part of its input path
	runs    int    // how many of its first runs fail, or everyRun
	outcome simulator.Outcome
}

const everyRun = -1

// demoFailures are the titles that fail: three of them succeed after a retry, and one fails for good.
func demoFailures() []scriptedFailure {
	return []scriptedFailure{
		{"big-buck-bunny", 1, failedRun(60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")},
		{"sita-sings-the-blues", 1, failedRun(20004, "DOWNLOAD ERROR", simulator.Retry, "Reading the input file was interrupted: connection reset by peer")},
		{"metropolis", 2, failedRun(60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")},
		{"white-zombie", everyRun, failedRun(10003, "DECODING ERROR", simulator.NoRetry,
			"The input file could not be decoded: the Matroska segment ends after 41 of 67 minutes")},
	}
}

func failedRun(code int, category string, hint simulator.RetryHint, text string) simulator.Outcome {
	return simulator.Outcome{
		Status:   simulator.Error,
		Error:    &simulator.TaskError{Code: code, Category: category, Text: text, RetryHint: hint},
		Messages: []simulator.Message{{Type: "ERROR", Text: text}},
		After:    1500 * time.Millisecond,
	}
}

// demoPlatform is a simulator on which encodings take two to five seconds each, by their input path, and
// fail as [demoFailures] says.
func demoPlatform() *simulator.Simulator {
	return &simulator.Simulator{
		Encoders: demoEncoders,
		Seed:     1,
		EncodingDuration: func(e simulator.Encoding) time.Duration {
			h := fnv.New32a()
			_, _ = h.Write([]byte(inputPath(e))) // a hash never fails
			return 2*time.Second + time.Duration(h.Sum32()%3000)*time.Millisecond
		},
		Outcome: func(e simulator.Encoding, run int) simulator.Outcome {
			for _, f := range demoFailures() {
				if strings.Contains(inputPath(e), f.title) && (run <= f.runs || f.runs == everyRun) {
					return f.outcome
				}
			}
			return simulator.Outcome{}
		},
	}
}

// inputPath is the path of the asset that an encoding reads.
func inputPath(e simulator.Encoding) string {
	if len(e.Streams) == 0 || len(e.Streams[0].InputStreams) == 0 {
		return e.Name
	}
	return e.Streams[0].InputStreams[0].InputPath
}

// checkDemo returns an error if the batch of the demo did not end as [demoFailures] says.
func checkDemo(retried, failures int, succeeded int64) error {
	wantRetried, wantFailed := 0, 0
	for _, f := range demoFailures() {
		if f.runs == everyRun {
			wantFailed++
		} else {
			wantRetried++
		}
	}
	if retried != wantRetried || failures != wantFailed || succeeded == 0 {
		return fmt.Errorf("the demo did not go as scripted: %d titles retried and %d failed, want %d and %d",
			retried, failures, wantRetried, wantFailed)
	}
	return nil
}
