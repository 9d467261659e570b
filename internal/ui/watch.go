package ui

import (
	"io"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// WatchRenderer shows the messages of a watched batch.
type WatchRenderer interface {
	// Render shows a message. It is called for every message, in order.
	Render(*stokerv1.WatchBatchResponse) error
	// Close ends the output. It is called after the last message.
	Close()
}

// watchLines writes every message as a line of JSON.
type watchLines struct{ write func(proto.Message) error }

// NewWatchLines writes every message as a line of JSON, or what an expression makes of it, for programs.
func NewWatchLines(w io.Writer, o output.Options) (WatchRenderer, error) {
	write, err := output.Lines(w, o)
	return watchLines{write}, err
}

func (w watchLines) Render(m *stokerv1.WatchBatchResponse) error { return w.write(m) }

func (watchLines) Close() {}
