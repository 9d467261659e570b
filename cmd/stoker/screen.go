package main

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// screen shows a watched batch on a terminal. It is redrawn in place and its last
// picture stays.
type screen struct {
	program *tea.Program
	done    chan struct{}
}

// startScreen takes over the terminal until close. leave is called when the user
// asks to stop watching.
func (c *cli) startScreen(leave func()) *screen {
	s := &screen{done: make(chan struct{})}
	options := []tea.ProgramOption{tea.WithOutput(c.stdout), tea.WithoutSignalHandler()}
	if in, ok := terminal(c.stdin); ok {
		options = append(options, tea.WithInput(in))
	} else {
		options = append(options, tea.WithInput(nil)) // the list came that way
	}
	shown := newView()
	shown.trouble = c.latestTrouble
	s.program = tea.NewProgram(&picture{view: shown, leave: leave, width: 80, height: 24}, options...)
	go func() {
		defer close(s.done)
		if _, err := s.program.Run(); err != nil {
			leave() // without a picture there is nothing to watch
		}
	}()
	return s
}

func (s *screen) show(m *stokerv1.WatchBatchResponse) error {
	s.program.Send(m)
	return nil
}

func (s *screen) close() {
	s.program.Quit()
	<-s.done
}

// picture is what a screen shows: the model of its program.
type picture struct {
	view          *view
	leave         func()
	width, height int
}

// tick redraws the times.
type tick struct{}

func ticking() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{} })
}

// Init starts the clock.
func (p *picture) Init() tea.Cmd { return ticking() }

// Update takes in what happened.
func (p *picture) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case *stokerv1.WatchBatchResponse:
		p.view.apply(msg, time.Now())
	case tick:
		return p, ticking()
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q", "esc":
			p.leave()
		}
	}
	return p, nil
}

// View draws the picture.
func (p *picture) View() tea.View {
	if p.view.batch == nil {
		return tea.NewView("")
	}
	return tea.NewView(draw(p.view, p.width, p.height, time.Now()))
}

// The colours of the picture, from the terminal's own palette.
const (
	red    = lipgloss.Red
	green  = lipgloss.Green
	yellow = lipgloss.Yellow
	cyan   = lipgloss.Cyan
	grey   = lipgloss.BrightBlack
)

func colour(c color.Color, text string) string {
	return lipgloss.NewStyle().Foreground(c).Render(text)
}

// draw draws a view into lines of the given width, at most height of them.
func draw(v *view, width, height int, now time.Time) string {
	b := v.batch
	lines := []string{heading(b), progressLine(v, width, now), countsLine(b)}
	for _, why := range []string{wait(b), v.silence(now)} {
		if why != "" {
			lines = append(lines, colour(yellow, why))
		}
	}
	// The picture ends in a new line, which takes one more; each part has an empty line before it.
	room := height - len(lines) - 1
	var failures []string
	for _, j := range v.failures[max(0, len(v.failures)-max(0, room-1)):] {
		mark := colour(red, "✗ ")
		if j.GetState() == stokerv1.JobState_JOB_STATE_WAITING {
			mark = colour(yellow, "↻ ")
		}
		failures = append(failures, "  "+mark+title(j)+colour(grey, "  "+failure(j)))
	}
	if len(failures) > 0 {
		room -= len(failures) + 1
	}
	room -= 2 // an empty line, and one that counts the others
	if jobs := v.runningJobs(); len(jobs) > 0 && room > 0 && !ended(b) {
		lines = append(lines, "")
		lines = append(lines, runningLines(jobs, width, room)...)
	}
	if len(failures) > 0 {
		lines = append(lines, "")
		lines = append(lines, failures...)
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

func heading(b *stokerv1.Batch) string {
	c := cyan
	switch b.GetState() {
	case stokerv1.BatchState_BATCH_STATE_SUCCEEDED:
		c = green
	case stokerv1.BatchState_BATCH_STATE_FAILED:
		c = red
	case stokerv1.BatchState_BATCH_STATE_PAUSED, stokerv1.BatchState_BATCH_STATE_CANCELLING, stokerv1.BatchState_BATCH_STATE_CANCELLED:
		c = yellow
	}
	line := lipgloss.NewStyle().Bold(true).Render(printable(b.GetDisplayName())) + "  " + colour(c, batchState(b.GetState()))
	if b.GetDisplayName() != b.GetId() {
		line += colour(grey, "  "+printable(b.GetId()))
	}
	return line
}

// progressLine is the bar with what can be counted and foretold.
func progressLine(v *view, width int, now time.Time) string {
	b := v.batch
	facts := fmt.Sprintf(" %3.0f %%  %d of %d", b.GetPercent(), finished(b), b.GetJobCount())
	if rate, ok := v.pace.perMinute(now); ok && !ended(b) {
		facts += fmt.Sprintf("  %.1f/min", rate)
	}
	if eta := v.eta(now); eta != "" {
		facts += "  done in " + eta
	}
	if ended(b) && b.GetStartTime() != nil && b.GetFinishTime() != nil {
		facts += "  in " + rounded(b.GetFinishTime().AsTime().Sub(b.GetStartTime().AsTime()))
	}
	return bar(b.GetPercent(), max(10, min(40, width-lipgloss.Width(facts)))) + facts
}

// bar is a share of 100 as a bar of the given width.
func bar(percent float64, width int) string {
	full := int(percent / 100 * float64(width))
	full = min(max(full, 0), width)
	return colour(green, strings.Repeat("━", full)) + colour(grey, strings.Repeat("─", width-full))
}

func countsLine(b *stokerv1.Batch) string {
	colours := map[string]color.Color{"running": cyan, "succeeded": green, "failed": red, "cancelling": yellow, "cancelled": yellow}
	var parts []string
	for _, c := range counts(b) {
		if c.n == 0 && (c.name == "cancelling" || c.name == "cancelled") {
			continue
		}
		text := fmt.Sprintf("%d %s", c.n, c.name)
		if c.n == 0 {
			parts = append(parts, colour(grey, text))
		} else if tint, ok := colours[c.name]; ok {
			parts = append(parts, colour(tint, text))
		} else {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, colour(grey, " · "))
}

// wait is why nothing, or not everything, moves.
func wait(b *stokerv1.Batch) string {
	switch {
	case b.GetStateReason() != "":
		return printable(b.GetStateReason())
	case b.GetWaitReason() != "" && !ended(b):
		return "waiting: " + strings.TrimPrefix(printable(b.GetWaitReason()), "waiting ")
	}
	return ""
}

func runningLines(jobs []*stokerv1.Job, width, room int) []string {
	widest := 0
	for _, j := range jobs {
		widest = max(widest, lipgloss.Width(title(j)))
	}
	widest = min(widest, max(16, width-40))
	shown := jobs[:min(len(jobs), room)]
	var lines []string
	for _, j := range shown {
		name := ansi.Truncate(title(j), widest, "…")
		name += strings.Repeat(" ", widest-lipgloss.Width(name))
		line := fmt.Sprintf("  %s  %s %3d %%", name, bar(float64(j.GetProgress()), 16), j.GetProgress())
		if j.GetAttempt() > 1 {
			line += colour(yellow, fmt.Sprintf("  attempt %d", j.GetAttempt()))
		}
		lines = append(lines, line)
	}
	if more := len(jobs) - len(shown); more > 0 {
		lines = append(lines, colour(grey, fmt.Sprintf("  and %d more", more)))
	}
	return lines
}
