package main

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

const demoEncoders, demoQueueTarget = 8, 3

// demoPlatform is the platform of the demo: encodings take some seconds each, a few
// titles fail once or twice, and one fails for good.
func demoPlatform() *simulator.Simulator {
	return &simulator.Simulator{
		Encoders: demoEncoders,
		Seed:     1, // the same show every time
		EncodingDuration: func(e simulator.Encoding) time.Duration {
			h := fnv.New32a()
			_, _ = h.Write([]byte(inputOf(e))) // a hash takes everything
			return 2*time.Second + time.Duration(h.Sum32()%3000)*time.Millisecond
		},
		Outcome: func(e simulator.Encoding, run int) simulator.Outcome {
			for _, scene := range scenes() {
				if strings.Contains(inputOf(e), scene.title) && (run <= scene.runs || scene.runs == forGood) {
					return scene.outcome
				}
			}
			return simulator.Outcome{}
		},
	}
}

// inputOf is the path of the asset that an encoding reads.
func inputOf(e simulator.Encoding) string {
	if len(e.Streams) == 0 || len(e.Streams[0].InputStreams) == 0 {
		return e.Name
	}
	return e.Streams[0].InputStreams[0].InputPath
}

// scene is a title that does not simply succeed.
type scene struct {
	title   string // part of its input path
	runs    int    // how many of its runs fail
	outcome simulator.Outcome
}

const forGood = -1

func scenes() []scene {
	return []scene{
		{"big-buck-bunny", 1, fails(60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")},
		{"sita-sings-the-blues", 1, fails(20004, "DOWNLOAD ERROR", simulator.Retry, "Reading the input file was interrupted: connection reset by peer")},
		{"metropolis", 2, fails(60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")},
		{"white-zombie", forGood, fails(10003, "DECODING ERROR", simulator.NoRetry,
			"The input file could not be decoded: the Matroska segment ends after 41 of 67 minutes")},
	}
}

func fails(code int, category string, hint simulator.RetryHint, text string) simulator.Outcome {
	return simulator.Outcome{
		Status:   simulator.Error,
		Error:    &simulator.TaskError{Code: code, Category: category, Text: text, RetryHint: hint},
		Messages: []simulator.Message{{Type: "ERROR", Text: text}},
		After:    1500 * time.Millisecond,
	}
}

// asScripted is nil if the demo went as it should.
func asScripted(retried int, failures []*stokerv1.Job, succeeded int64) error {
	wantRetried, wantFailed := 0, 0
	for _, s := range scenes() {
		if s.runs == forGood {
			wantFailed++
		} else {
			wantRetried++
		}
	}
	if retried != wantRetried || len(failures) != wantFailed || succeeded == 0 {
		return failed(fmt.Errorf("the demo did not go as scripted: %d titles retried and %d failed, want %d and %d",
			retried, len(failures), wantRetried, wantFailed))
	}
	return nil
}
