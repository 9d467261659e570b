package ui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// What is first in a list is what somebody has to look at. A terminal that is too low for the list shows that.
func TestLiveTextShowsTheBeginning(t *testing.T) {
	for _, tt := range []struct {
		rows, height int
		notice       string
		want         string
	}{
		{3, 24, "", "HEAD 1 2 3"},
		{3, 24, "away", "HEAD 1 2 3 away"},
		{21, 24, "away", "HEAD 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 away"},
		{22, 24, "away", "HEAD 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 and 2 more away"},
		{22, 24, "", "HEAD 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"},
		{23, 24, "", "HEAD 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 and 2 more"},
		{50, 6, "", "HEAD 1 2 3 and 47 more"},
		{2, 0, "", "HEAD 1 2"}, // before the terminal has told its size
	} {
		var text strings.Builder
		text.WriteString("HEAD\n")
		for i := range tt.rows {
			fmt.Fprintln(&text, i+1)
		}
		var model tea.Model = liveTextModel{}
		for _, m := range []tea.Msg{liveText(text.String()), tea.WindowSizeMsg{Width: 80, Height: tt.height}, liveNotice(tt.notice)} {
			model, _ = model.Update(m)
		}
		shown := model.View().Content
		if got := strings.Join(strings.Fields(shown), " "); got != tt.want {
			t.Errorf("%d rows on %d lines: %q, want %q", tt.rows, tt.height, got, tt.want)
		}
		model, _ = model.Update(liveText(text.String()))
		if again := model.View().Content; strings.Contains(again, "away") {
			t.Errorf("the notice is still there with the next text: %s", again)
		}
		if lines := strings.Split(shown, "\n"); tt.height > 0 && len(lines) > tt.height {
			t.Errorf("%d lines on a terminal of %d", len(lines), tt.height)
		}
	}
}
