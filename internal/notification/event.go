package notification

import (
	"fmt"
	"slices"
	"strings"
)

// Event is what has happened. Receivers know it as the type of a message.
type Event string

// The events.
const (
	BatchFinished      Event = "batch.finished"      // the last job of a batch has ended
	BatchPaused        Event = "batch.paused"        // a batch paused itself, because too many of its jobs failed
	JobFailed          Event = "job.failed"          // jobs of a batch failed for good
	JobSucceeded       Event = "job.succeeded"       // jobs of a batch succeeded
	AccountUnavailable Event = "account.unavailable" // the platform cannot be used for an account
	AccountAvailable   Event = "account.available"   // the platform can be used again
	EndpointTest       Event = "endpoint.test"       // somebody tests the endpoint; sent on request only
)

// Events lists the events that an endpoint can ask for.
func Events() []Event {
	return []Event{BatchFinished, BatchPaused, JobFailed, JobSucceeded, AccountUnavailable, AccountAvailable}
}

// EventNames lists the events that an endpoint can ask for, as text.
func EventNames() []string {
	var names []string
	for _, e := range Events() {
		names = append(names, string(e))
	}
	return names
}

// DefaultEvents lists the events of an endpoint that asks for none by name. There is a [JobSucceeded] for almost
// every job, so it is sent on request.
func DefaultEvents() []Event {
	return slices.DeleteFunc(Events(), func(e Event) bool { return e == JobSucceeded })
}

// CheckEvent says why a text names no event that an endpoint can ask for; nil if it does.
func CheckEvent(name string) error {
	if slices.Contains(Events(), Event(name)) {
		return nil
	}
	return fmt.Errorf("want one of: %s", strings.Join(EventNames(), ", "))
}

// JoinsJobs reports whether one message of the event stands for all jobs of a batch that the event happens to within
// [JoinTime].
func (e Event) JoinsJobs() bool { return e == JobFailed || e == JobSucceeded }
