package demo

import (
	"hash/fnv"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/examples"
	"github.com/stokerd/stoker/job"
)

// Encoders is how many encodings run side by side on the platform of the account default, and QueueTarget how many are
// kept queued there.
const Encoders, QueueTarget = 8, 3

// Partner is the account of the story that cannot be used.
const Partner = "partner"

// What the first element of an input path of the story says: how long the encoding takes, and how it ends. Films are
// everything else.
const (
	clips     = "clips"    // short
	features  = "features" // long
	missing   = "moved"    // the input does not exist
	broken    = "tapes"    // the input cannot be decoded
	flaky     = "remote"   // the first run fails
	exhausted = "uhd"      // every run fails, and may be retried
)

// Platforms are the platforms of the accounts of the demo.
type Platforms struct {
	// Default is the platform of the account default, and Partner that of [Partner].
	Default, Partner *simulator.Simulator

	pace    time.Duration
	refuses atomic.Bool // the key of the partner's account is refused
}

// NewPlatforms makes the platforms. Pace is what a short encoding of the story takes; everything else of the story
// follows from it.
func NewPlatforms(pace time.Duration) *Platforms {
	p := &Platforms{pace: pace}
	p.Default = &simulator.Simulator{Encoders: Encoders, Seed: 1, EncodingDuration: p.duration, Outcome: p.outcome}
	p.Partner = &simulator.Simulator{Encoders: 2, Seed: 2, EncodingDuration: p.duration, Outcome: p.outcome, Fault: p.refuse}
	return p
}

// Templates are the encoding templates of the demo, by their names.
func Templates() map[string]job.Template {
	const name = "mp4-download"
	text, err := examples.Templates.ReadFile("templates/" + name + ".yaml")
	if err != nil {
		panic(err) // the file is embedded
	}
	return map[string]job.Template{name: {Name: name, Text: string(text)}}
}

// duration is how long an encoding takes, by its input path: films take two to five seconds each.
func (p *Platforms) duration(e simulator.Encoding) time.Duration {
	path := e.InputPath()
	h := fnv.New32a()
	_, _ = h.Write([]byte(path)) // a hash never fails
	part := float64(h.Sum32()%1000) / 1000
	switch kind, _, _ := strings.Cut(path, "/"); kind {
	case clips, missing, broken, flaky, exhausted:
		return time.Duration((0.6 + 0.8*part) * float64(p.pace))
	case features:
		return time.Duration((24 + 24*part) * float64(p.pace))
	}
	return 2*time.Second + time.Duration(3*part*float64(time.Second))
}

// outcome is how a run ends, by the input path.
func (p *Platforms) outcome(e simulator.Encoding, run int) simulator.Outcome {
	path, length := e.InputPath(), p.pace/2
	switch kind, _, _ := strings.Cut(path, "/"); kind {
	case missing:
		return failure(length, 20001, "DOWNLOAD ERROR", simulator.NoRetry, "Input not found: the storage answers 404")
	case broken:
		return failure(length, 10003, "DECODING ERROR", simulator.NoRetry, "The input file could not be decoded: no video stream was found in it")
	case exhausted:
		return encoderLost(length)
	case flaky:
		if run == 1 {
			return encoderLost(length)
		}
		return simulator.Outcome{}
	}
	return filmOutcome(path, run)
}

// refuse refuses the key of the partner's account once the story has come to that.
func (p *Platforms) refuse(simulator.Call) simulator.Fault {
	if !p.refuses.Load() {
		return simulator.Fault{}
	}
	return simulator.Fault{Kind: simulator.JSONFault, Status: http.StatusUnauthorized, Message: "the API key is not valid any more"}
}

func encoderLost(after time.Duration) simulator.Outcome {
	return failure(after, 60001, "ENCODING ERROR", simulator.Retry, "An encoder instance was lost while it was working")
}

func failure(after time.Duration, code int, category string, hint simulator.RetryHint, text string) simulator.Outcome {
	return simulator.Outcome{
		Status: simulator.Error, After: after,
		Error:    &simulator.TaskError{Code: code, Category: category, Text: text, RetryHint: hint},
		Messages: []simulator.Message{{Type: "ERROR", Text: text}},
	}
}
