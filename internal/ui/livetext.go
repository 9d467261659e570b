package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/stokerd/stoker/internal/output"
)

// LiveText is a text on a terminal that is replaced in place.
type LiveText struct {
	program *tea.Program
	done    chan struct{} // closed when the terminal has been given back
}

// StartLiveText shows a text until Close. Its last state stays on the terminal. ConnectionProblem is not used.
func StartLiveText(o ScreenOptions) *LiveText {
	options := []tea.ProgramOption{tea.WithOutput(o.Out), tea.WithoutSignalHandler()}
	if in, ok := output.Terminal(o.In); ok {
		options = append(options, tea.WithInput(in))
	} else {
		options = append(options, tea.WithInput(nil))
	}
	l := &LiveText{program: tea.NewProgram(liveTextModel{leave: o.Leave}, options...), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		if _, err := l.program.Run(); err != nil {
			o.Leave()
		}
	}()
	return l
}

// Show replaces the text, and takes a notice away.
func (l *LiveText) Show(text string) { l.program.Send(liveText(text)) }

// Notify shows a notice of one line below the text, until the next text.
func (l *LiveText) Notify(notice string) { l.program.Send(liveNotice(notice)) }

// Close gives the terminal back.
func (l *LiveText) Close() {
	l.program.Quit()
	<-l.done
}

// The messages of the program: a new text, and a notice below it.
type (
	liveText   string
	liveNotice string
)

// liveTextModel is the state of the program.
type liveTextModel struct {
	text, notice  string
	width, height int // of the terminal; 0: not known yet
	leave         func()
}

// Init does nothing.
func (m liveTextModel) Init() tea.Cmd { return nil }

// Update handles a new text, a new size of the terminal, or a key.
func (m liveTextModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case liveText:
		m.text, m.notice = string(msg), ""
	case liveNotice:
		m.notice = string(msg)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q", "esc":
			m.leave()
		}
	}
	return m, nil
}

// View draws the text, or as many of its first lines as the terminal has room for: of what is too long, the terminal
// would show the end.
func (m liveTextModel) View() tea.View {
	lines := strings.SplitAfter(m.text, "\n") // the last one is empty, and takes room as well
	room := m.height
	if m.notice != "" {
		room--
	}
	if room >= 3 && len(lines) > room {
		more := len(lines) - 1 - (room - 2)
		lines = append(lines[:room-2], fmt.Sprintf("and %d more\n", more))
	}
	if m.notice != "" {
		lines = append(lines, ansi.Truncate(m.notice, m.width, "…")+"\n")
	}
	return tea.NewView(strings.Join(lines, ""))
}
