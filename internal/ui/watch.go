package ui

import (
	"io"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// WatchRenderer shows the messages of a watched batch.
type WatchRenderer interface {
	// Render shows a message. It is called for every message, in order.
	Render(*stokerv1.WatchBatchResponse) error
	// Close ends the output. It is called after the last message.
	Close()
}

// watchJSON writes every message as a line of JSON.
type watchJSON struct{ w io.Writer }

// NewWatchJSON writes every message as a line of JSON, for programs.
func NewWatchJSON(w io.Writer) WatchRenderer { return watchJSON{w} }

func (j watchJSON) Render(m *stokerv1.WatchBatchResponse) error { return writeJSONLine(j.w, m) }

func (watchJSON) Close() {}
