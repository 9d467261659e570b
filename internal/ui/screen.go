package ui

import (
	"cmp"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
)

// ScreenOptions are the streams and callbacks of a screen.
type ScreenOptions struct {
	// Out is the terminal.
	Out io.Writer
	// In is where keys are read from, if it is a terminal.
	In io.Reader
	// Getenv reads the environment, which says what the terminal can show.
	Getenv func(string) string
	// UTC shows times in UTC.
	UTC bool
	// ConnectionProblem says why no messages come from the server; empty if that is not known.
	ConnectionProblem func() string
	// Leave is called when the user presses q, Esc or Ctrl-C, or when the screen cannot be drawn.
	Leave func()
	// SetPaused pauses the batch, or resumes it. It is called in a goroutine of its own.
	SetPaused func(paused bool) error
	// Failures lists what jobs of the batch failed of. It is called in a goroutine of its own.
	Failures func() (*stokerv1.ListFailuresResponse, error)
}

// screen shows a watched batch on a terminal.
type screen struct {
	program *tea.Program
	done    chan struct{} // closed when the terminal has been given back
}

// StartScreen shows a watched batch on a terminal until Close. The screen is redrawn in place. Its last state
// stays on the terminal, unless the batch has ended: then the terminal is as it was, for what there is to say
// of the end.
func StartScreen(o ScreenOptions) WatchRenderer {
	options := []tea.ProgramOption{tea.WithOutput(o.Out), tea.WithoutSignalHandler()}
	if in, ok := output.Terminal(o.In); ok {
		options = append(options, tea.WithInput(in))
	} else {
		options = append(options, tea.WithInput(nil)) // standard input may have been the job list
	}
	s := &screen{program: tea.NewProgram(newScreenModel(o), options...), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if _, err := s.program.Run(); err != nil {
			o.Leave()
		}
	}()
	return s
}

func (s *screen) Render(m *stokerv1.WatchBatchResponse) error {
	s.program.Send(m)
	return nil
}

func (s *screen) Close() {
	s.program.Send(closing{})
	<-s.done
}

// mode is what a screen shows beside the state of the batch, and what keys mean.
type mode int

const (
	showsJobs mode = iota
	asksToPause
	showsFailures
	showsHelp
)

// screenModel is the state of the screen's program.
type screenModel struct {
	options ScreenOptions
	watched *watchedBatch
	look    output.Look
	height  int

	mode     mode
	failures *stokerv1.ListFailuresResponse
	notice   string // what became of a key
	closed   bool
}

func newScreenModel(o ScreenOptions) *screenModel {
	watched := newWatchedBatch()
	watched.connectionProblem = o.ConnectionProblem
	look := output.LookOf(o.Out, o.Getenv)
	look.UTC, look.Width = o.UTC, cmp.Or(look.Width, 80)
	return &screenModel{options: o, watched: watched, look: look, height: 24}
}

// The messages of the screen's program, beside those of the watch.
type (
	tick     struct{} // a second has passed: the times on the screen are redrawn
	closing  struct{} // the watch is over
	answered struct { // a call for a key has been answered
		failures *stokerv1.ListFailuresResponse
		notice   string
	}
)

func nextTick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{} })
}

// Init schedules the first tick.
func (s *screenModel) Init() tea.Cmd { return nextTick() }

// Update handles a message of the watch, a tick, a key, an answer, or a new size of the terminal.
func (s *screenModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case *stokerv1.WatchBatchResponse:
		s.watched.apply(msg, time.Now())
	case tick:
		return s, nextTick()
	case tea.WindowSizeMsg:
		s.look.Width, s.height = msg.Width, msg.Height
	case closing:
		s.closed = true
		return s, tea.Quit
	case answered:
		s.failures, s.notice = msg.failures, msg.notice
	case tea.KeyPressMsg:
		return s, s.press(msg.String())
	}
	return s, nil
}

// press handles a key.
func (s *screenModel) press(key string) tea.Cmd {
	asking := s.mode == asksToPause
	s.notice = ""
	switch key {
	case "ctrl+c":
		s.options.Leave()
		return nil
	case "ctrl+z":
		return tea.Suspend
	}
	if asking {
		s.mode = showsJobs
		if key == "y" || key == "Y" {
			return s.setPaused
		}
		s.notice = "Nothing was changed."
		return nil
	}
	switch key {
	case "q", "esc":
		if key == "esc" && s.mode != showsJobs {
			s.mode = showsJobs
			return nil
		}
		s.options.Leave()
	case "p":
		if b := s.watched.batch; b != nil && !BatchEnded(b) && s.options.SetPaused != nil {
			s.mode = asksToPause
		}
	case "f":
		if s.mode = s.toggle(showsFailures); s.mode == showsFailures {
			return s.listFailures
		}
	case "?", "h":
		s.mode = s.toggle(showsHelp)
	}
	return nil
}

// toggle is the mode after the key of a mode: it comes and goes.
func (s *screenModel) toggle(m mode) mode {
	if s.mode == m {
		return showsJobs
	}
	return m
}

// setPaused pauses the batch, or resumes it if it is paused.
func (s *screenModel) setPaused() tea.Msg {
	pause := !isPaused(s.watched.batch)
	if err := s.options.SetPaused(pause); err != nil {
		return answered{failures: s.failures, notice: output.Printable(err.Error())}
	}
	return answered{failures: s.failures}
}

// listFailures asks what jobs failed of.
func (s *screenModel) listFailures() tea.Msg {
	failures, err := s.options.Failures()
	if err != nil {
		return answered{notice: output.Printable(err.Error())}
	}
	return answered{failures: failures}
}

// View draws the screen.
func (s *screenModel) View() tea.View {
	if s.watched.batch == nil || s.closed && BatchEnded(s.watched.batch) {
		return tea.NewView("")
	}
	s.look.Now = time.Now()
	return tea.NewView(drawScreen(s))
}

func isPaused(b *stokerv1.Batch) bool { return b.GetState() == stokerv1.BatchState_BATCH_STATE_PAUSED }
