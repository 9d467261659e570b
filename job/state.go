package job

import (
	"fmt"
	"slices"
	"strings"
)

// State is the state of a job. The zero value is invalid.
type State string

// The states of a job. See [Transitions] for how a job moves between them.
const (
	Waiting    State = "WAITING"    // not started; the encoding may be configured, and the job may be in a back-off
	Starting   State = "STARTING"   // the start is recorded; the platform's answer is not known yet
	Queued     State = "QUEUED"     // the platform accepted the start; the encoding waits for an encoder
	Running    State = "RUNNING"    // an encoder encodes the asset
	Succeeded  State = "SUCCEEDED"  // the platform finished the encoding
	Failed     State = "FAILED"     // the latest attempt failed, with a permanent failure or with all retries used up
	Cancelling State = "CANCELLING" // cancelling was requested after the start, and the platform has not confirmed the end yet
	Cancelled  State = "CANCELLED"  // cancelled before a start, stopped at the platform, or cancelled there by others
)

// States lists every state, in the order in which a job goes through them.
func States() []State {
	return []State{Waiting, Starting, Queued, Running, Succeeded, Failed, Cancelling, Cancelled}
}

// Transition is one allowed change of a job's state.
type Transition struct {
	From, To State
	Why      string
}

// transitions has every allowed transition. The database, the diagram in the documentation and every
// change of state follow this table.
var transitions = []Transition{
	{Waiting, Starting, "a place is free"},
	{Waiting, Failed, "cannot be configured"},
	{Waiting, Cancelled, "cancelled before a start"},

	{Starting, Queued, "start accepted"},
	{Starting, Running, "found running"},
	{Starting, Succeeded, "found finished"},
	{Starting, Waiting, "not started, or failed with retries left"},
	{Starting, Failed, "refused for good"},
	{Starting, Cancelling, "cancellation requested"},
	{Starting, Cancelled, "cancelled at the platform"},

	{Queued, Running, "an encoder took it"},
	{Queued, Succeeded, "finished"},
	{Queued, Waiting, "failed, retries left"},
	{Queued, Failed, "failed for good"},
	{Queued, Cancelling, "cancellation requested"},
	{Queued, Cancelled, "cancelled at the platform"},

	{Running, Succeeded, "finished"},
	{Running, Waiting, "failed, retries left"},
	{Running, Failed, "failed for good"},
	{Running, Cancelling, "cancellation requested"},
	{Running, Cancelled, "cancelled at the platform"},

	{Cancelling, Cancelled, "stop confirmed"},
	{Cancelling, Succeeded, "finished first"},

	{Failed, Waiting, "retry requested"},
	{Cancelled, Waiting, "retry requested"},
}

// Transitions returns a copy of the transition table.
func Transitions() []Transition { return slices.Clone(transitions) }

// Valid reports whether s is one of [States].
func (s State) Valid() bool { return slices.Contains(States(), s) }

// Terminal reports whether a job in s has ended. A FAILED or CANCELLED job moves again only when a
// retry is requested, a SUCCEEDED job never.
func (s State) Terminal() bool { return s == Succeeded || s == Failed || s == Cancelled }

// OnPlatform reports whether the encoding of a job in s is or may be queued or running at the platform.
func (s State) OnPlatform() bool {
	return s == Starting || s == Queued || s == Running || s == Cancelling
}

// To returns nil if a job may move from s to next. Otherwise the error matches
// [ErrIllegalTransition].
func (s State) To(next State) error {
	for _, t := range transitions {
		if t.From == s && t.To == next {
			return nil
		}
	}
	return fmt.Errorf("%w: %s to %s", ErrIllegalTransition, s, next)
}

// Diagram draws the transition table as a Mermaid state diagram. make generate/docs writes the diagram
// to docs/architecture.md.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	b.WriteString("    [*] --> WAITING: submitted\n")
	for _, t := range transitions {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", t.From, t.To, t.Why)
	}
	for _, s := range States() {
		if s.Terminal() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	return b.String()
}
