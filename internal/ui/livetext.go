package ui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

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

// Show replaces the text.
func (l *LiveText) Show(text string) { l.program.Send(liveText(text)) }

// Close gives the terminal back.
func (l *LiveText) Close() {
	l.program.Quit()
	<-l.done
}

// liveText is the message with a new text.
type liveText string

// liveTextModel is the state of the program.
type liveTextModel struct {
	text   string
	height int // of the terminal, in lines; 0: not known yet
	leave  func()
}

// Init does nothing.
func (m liveTextModel) Init() tea.Cmd { return nil }

// Update handles a new text, a new size of the terminal, or a key.
func (m liveTextModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case liveText:
		m.text = string(msg)
	case tea.WindowSizeMsg:
		m.height = msg.Height
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
	if m.height < 3 || len(lines) <= m.height {
		return tea.NewView(m.text)
	}
	shown := m.height - 2
	return tea.NewView(strings.Join(lines[:shown], "") + fmt.Sprintf("and %d more\n", len(lines)-1-shown))
}
