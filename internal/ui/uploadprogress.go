package ui

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/stokerd/stoker/internal/output"
)

// Upload is the progress of uploading a list, or of something else that has parts. The server checks the whole
// list before it stores the first part.
type Upload struct {
	Verb     string // what is being done; empty: checking or sending
	Sending  bool   // the check is over, jobs are being sent
	Done     int64  // jobs checked; if Sending, jobs sent
	Total    int64  // jobs of the list
	Complete bool   // all jobs are sent
}

// UploadProgress shows an upload: on a terminal as a bar that is redrawn in place and removed at the
// end, in a log as a line every few seconds.
type UploadProgress struct {
	w          io.Writer
	look       output.Look
	redrawable bool

	sending         bool      // as last shown
	began           time.Time // when checking began; if sending, when sending began
	doneAtBeginning int64     // jobs done at that time
	nextLine        time.Time // the earliest time of the next line in a log
	drawn           bool      // a bar is on the terminal
}

// progressInterval is the time before the first line in a log, and between two lines.
const progressInterval = 5 * time.Second

// NewUploadProgress shows an upload on w, as a bar if w is [output.Redrawable].
func NewUploadProgress(w io.Writer, getenv func(string) string) *UploadProgress {
	return &UploadProgress{w: w, look: output.LookOf(w, getenv), redrawable: output.Redrawable(w, getenv)}
}

// Show shows how far an upload is now.
func (p *UploadProgress) Show(u Upload) { p.showAt(u, time.Now()) }

func (p *UploadProgress) showAt(u Upload, now time.Time) {
	if p.began.IsZero() || u.Sending != p.sending {
		p.sending, p.began, p.doneAtBeginning = u.Sending, now, u.Done
		if !p.redrawable && p.nextLine.IsZero() {
			p.nextLine = now.Add(progressInterval)
		}
	}
	facts := p.facts(u, now)
	switch {
	case p.redrawable:
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight+uploadBar(u, p.look, facts)) // the upload goes on even if its bar cannot be drawn
		p.drawn = true
	case !now.Before(p.nextLine) && !u.Complete:
		_, _ = io.WriteString(p.w, facts+"\n")
		p.nextLine = now.Add(progressInterval)
	}
}

// facts are how many jobs are done, the jobs per second, and the time left.
func (p *UploadProgress) facts(u Upload, now time.Time) string {
	verb := "checking"
	if u.Sending {
		verb = "sending"
	}
	text := fmt.Sprintf("%s %s of %s", cmp.Or(u.Verb, verb), output.Number(u.Done), output.Number(u.Total))
	passed, done := now.Sub(p.began), u.Done-p.doneAtBeginning
	if passed <= 0 || done <= 0 {
		return text
	}
	rate := float64(done) / passed.Seconds()
	left := time.Duration(float64(u.Total-u.Done) / rate * float64(time.Second))
	return fmt.Sprintf("%s, %s/s, %s left", text, output.Number(int64(rate)), output.Duration(left))
}

// uploadBar is a bar and the facts on one line.
func uploadBar(u Upload, look output.Look, facts string) string {
	percent := 100.0
	if u.Total > 0 {
		percent = 100 * float64(u.Done) / float64(u.Total)
	}
	facts = fmt.Sprintf("  %5s  %s", output.Percent(percent), facts)
	return ansi.Truncate(look.Bar(percent, max(10, min(40, look.Width-output.Cells(facts)-1)))+facts, look.Width-1, look.Spell("…"))
}

// Close removes the bar.
func (p *UploadProgress) Close() {
	if p.drawn {
		_, _ = io.WriteString(p.w, "\r"+ansi.EraseLineRight)
	}
}
