package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"github.com/stokerd/stoker/client"
)

// progressEvery is how often a log hears of an upload, and how long one may take without a word.
const progressEvery = 5 * time.Second

// progress shows how far an upload is: on a terminal a bar that is redrawn in place and
// goes away, in a log a line now and then.
type progress struct {
	w      io.Writer
	screen *os.File // nil: a log

	upload bool // what began is the upload, not the check before it
	begun  time.Time
	sent   int64 // when it began
	next   time.Time
	drawn  bool
}

func (c *cli) startProgress() *progress {
	p := &progress{w: c.stderr}
	if c.fancy(c.stderr) {
		p.screen, _ = terminal(c.stderr)
	}
	return p
}

func (p *progress) show(now client.Progress) { p.showAt(now, time.Now()) }

func (p *progress) showAt(s client.Progress, now time.Time) {
	if upload := s.Batch != nil; p.begun.IsZero() || upload != p.upload {
		p.upload, p.begun, p.sent = upload, now, s.Sent
		if p.screen == nil && p.next.IsZero() {
			p.next = now.Add(progressEvery)
		}
	}
	facts := p.facts(s, now)
	switch {
	case p.screen != nil:
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight+progressBar(s, p.width(), facts)) // nobody has to see it
		p.drawn = true
	case !now.Before(p.next) && !s.Uploaded:
		_, _ = io.WriteString(p.w, facts+"\n")
		p.next = now.Add(progressEvery)
	}
}

// facts are how far it is, how fast it goes and how long it will take.
func (p *progress) facts(s client.Progress, now time.Time) string {
	verb := "checked"
	if p.upload {
		verb = "sent"
	}
	text := fmt.Sprintf("%s %d of %d jobs", verb, s.Sent, s.Total)
	passed, done := now.Sub(p.begun), s.Sent-p.sent
	if passed <= 0 || done <= 0 {
		return text
	}
	rate := float64(done) / passed.Seconds()
	left := time.Duration(float64(s.Total-s.Sent) / rate * float64(time.Second))
	return fmt.Sprintf("%s, %.0f/s, done in %s", text, rate, rounded(left))
}

// progressBar is a bar and its facts on one line of the given width.
func progressBar(s client.Progress, width int, facts string) string {
	percent := 100.0
	if s.Total > 0 {
		percent = 100 * float64(s.Sent) / float64(s.Total)
	}
	facts = fmt.Sprintf(" %3.0f %%  %s", percent, facts)
	return ansi.Truncate(bar(percent, max(10, min(40, width-lipgloss.Width(facts)-1)))+facts, width-1, "…")
}

func (p *progress) width() int {
	if width, _, err := term.GetSize(int(p.screen.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// close clears the bar away: what comes next says how it ended.
func (p *progress) close() {
	if p.drawn {
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight)
	}
}
