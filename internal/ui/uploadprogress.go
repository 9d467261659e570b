package ui

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/stokerd/stoker/internal/output"
)

// Upload is the progress of uploading a list. The server checks the whole list before it stores the first
// part.
type Upload struct {
	Sending  bool  // the check is over, jobs are being sent
	Done     int64 // jobs checked; if Sending, jobs sent
	Total    int64 // jobs of the list
	Complete bool  // all jobs are sent
}

// UploadProgress shows an upload: on a terminal as a bar that is redrawn in place and removed at the
// end, in a log as a line every few seconds.
type UploadProgress struct {
	w        io.Writer
	terminal *os.File // nil for a log

	sending         bool      // as last shown
	began           time.Time // when checking began; if sending, when sending began
	doneAtBeginning int64     // jobs done at that time
	nextLine        time.Time // the earliest time of the next line in a log
	drawn           bool      // a bar is on the terminal
}

// progressInterval is the time before the first line in a log, and between two lines.
const progressInterval = 5 * time.Second

// NewUploadProgress shows an upload on w, as a bar if w is [output.Redrawable].
func NewUploadProgress(w io.Writer, redrawable bool) *UploadProgress {
	p := &UploadProgress{w: w}
	if redrawable {
		p.terminal, _ = output.Terminal(w)
	}
	return p
}

// Show shows how far an upload is now.
func (p *UploadProgress) Show(u Upload) { p.showAt(u, time.Now()) }

func (p *UploadProgress) showAt(u Upload, now time.Time) {
	if p.began.IsZero() || u.Sending != p.sending {
		p.sending, p.began, p.doneAtBeginning = u.Sending, now, u.Done
		if p.terminal == nil && p.nextLine.IsZero() {
			p.nextLine = now.Add(progressInterval)
		}
	}
	facts := p.facts(u, now)
	switch {
	case p.terminal != nil:
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight+uploadBar(u, output.WidthOf(p.terminal), facts)) // the upload goes on even if its bar cannot be drawn
		p.drawn = true
	case !now.Before(p.nextLine) && !u.Complete:
		_, _ = io.WriteString(p.w, facts+"\n")
		p.nextLine = now.Add(progressInterval)
	}
}

// facts are how many jobs are done, the jobs per second, and the time left.
func (p *UploadProgress) facts(u Upload, now time.Time) string {
	verb := "checked"
	if u.Sending {
		verb = "sent"
	}
	text := fmt.Sprintf("%s %d of %d jobs", verb, u.Done, u.Total)
	passed, done := now.Sub(p.began), u.Done-p.doneAtBeginning
	if passed <= 0 || done <= 0 {
		return text
	}
	rate := float64(done) / passed.Seconds()
	left := time.Duration(float64(u.Total-u.Done) / rate * float64(time.Second))
	return fmt.Sprintf("%s, %.0f/s, %s left", text, rate, output.Duration(left))
}

// uploadBar is a bar and the facts on one line of the given width.
func uploadBar(u Upload, width int, facts string) string {
	percent := 100.0
	if u.Total > 0 {
		percent = 100 * float64(u.Done) / float64(u.Total)
	}
	facts = fmt.Sprintf(" %3.0f %%  %s", percent, facts)
	return ansi.Truncate(bar(percent, max(10, min(40, width-output.Cells(facts)-1)))+facts, width-1, "…")
}

// Close removes the bar.
func (p *UploadProgress) Close() {
	if p.drawn {
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight)
	}
}
