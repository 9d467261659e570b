package ui

import (
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
	text  string
	leave func()
}

// Init does nothing.
func (m liveTextModel) Init() tea.Cmd { return nil }

// Update handles a new text, or a key.
func (m liveTextModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case liveText:
		m.text = string(msg)
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q", "esc":
			m.leave()
		}
	}
	return m, nil
}

// View draws the text.
func (m liveTextModel) View() tea.View { return tea.NewView(m.text) }
