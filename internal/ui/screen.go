package ui

import (
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
	// ConnectionProblem says why no messages come from the server; empty if that is not known.
	ConnectionProblem func() string
	// Leave is called when the user presses q, Esc or Ctrl-C, or when the screen cannot be drawn.
	Leave func()
}

// screen shows a watched batch on a terminal.
type screen struct {
	program *tea.Program
	done    chan struct{} // closed when the terminal has been given back
}

// StartScreen shows a watched batch on a terminal until Close. The screen is redrawn in place. Its last
// state stays on the terminal.
func StartScreen(o ScreenOptions) WatchRenderer {
	options := []tea.ProgramOption{tea.WithOutput(o.Out), tea.WithoutSignalHandler()}
	if in, ok := output.Terminal(o.In); ok {
		options = append(options, tea.WithInput(in))
	} else {
		options = append(options, tea.WithInput(nil)) // standard input may have been the job list
	}
	watched := newWatchedBatch()
	watched.connectionProblem = o.ConnectionProblem
	s := &screen{
		program: tea.NewProgram(&screenModel{watched: watched, leave: o.Leave, width: 80, height: 24}, options...),
		done:    make(chan struct{}),
	}
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
	s.program.Quit()
	<-s.done
}

// screenModel is the state of the screen's program.
type screenModel struct {
	watched       *watchedBatch
	leave         func()
	width, height int
}

// tick is sent every second, to redraw the times on the screen.
type tick struct{}

func nextTick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{} })
}

// Init schedules the first tick.
func (s *screenModel) Init() tea.Cmd { return nextTick() }

// Update handles a message of the watch, a tick, a key, or a new size of the terminal.
func (s *screenModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case *stokerv1.WatchBatchResponse:
		s.watched.apply(msg, time.Now())
	case tick:
		return s, nextTick()
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q", "esc":
			s.leave()
		}
	}
	return s, nil
}

// View draws the screen.
func (s *screenModel) View() tea.View {
	if s.watched.batch == nil {
		return tea.NewView("")
	}
	return tea.NewView(drawScreen(s.watched, s.width, s.height, time.Now()))
}
