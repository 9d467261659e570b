package ui

import (
	"sync"
	"time"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// SilenceLimit is the time without a message after which a watch counts as silent. The server's
// heartbeats come more often.
const SilenceLimit = 20 * time.Second

// silenceNotifier wraps a renderer that does not show a silence of the server. It tells the user when the
// server falls silent and when it is back.
type silenceNotifier struct {
	WatchRenderer
	notify            func(format string, args ...any)
	connectionProblem func() string

	mu          sync.Mutex
	lastMessage time.Time
	timer       *time.Timer // fires SilenceLimit after the latest message
	silent      bool        // the user has been told of a silence that lasts
	closed      bool
}

// NotifySilence wraps a renderer whose output goes to a file or a program. It calls notify when no
// message has come from the server for [SilenceLimit], with the text of connectionProblem unless that is
// empty, and again with the next message.
func NotifySilence(to WatchRenderer, notify func(format string, args ...any), connectionProblem func() string) WatchRenderer {
	return newSilenceNotifier(to, notify, connectionProblem)
}

func newSilenceNotifier(to WatchRenderer, notify func(format string, args ...any), connectionProblem func() string) *silenceNotifier {
	s := &silenceNotifier{WatchRenderer: to, notify: notify, connectionProblem: connectionProblem, lastMessage: time.Now()}
	s.timer = time.AfterFunc(SilenceLimit, s.noticeSilence)
	return s
}

func (s *silenceNotifier) Render(m *stokerv1.WatchBatchResponse) error {
	s.noticeMessage()
	return s.WatchRenderer.Render(m)
}

func (s *silenceNotifier) Close() {
	s.mu.Lock()
	s.closed = true
	s.timer.Stop()
	s.mu.Unlock()
	s.WatchRenderer.Close()
}

func (s *silenceNotifier) noticeMessage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent {
		s.notify("The server is back after %s.", output.Duration(time.Since(s.lastMessage)))
	}
	s.lastMessage, s.silent = time.Now(), false
	s.timer.Reset(SilenceLimit)
}

func (s *silenceNotifier) noticeSilence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || time.Since(s.lastMessage) < SilenceLimit {
		return // a message came at the same moment
	}
	s.silent = true
	s.notify("Nothing heard from the server for %s%s; the watch goes on when it is back.", output.Duration(SilenceLimit), inBrackets(s.connectionProblem()))
}
