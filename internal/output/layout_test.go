package output

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/hostile"
)

// batches is a listing with a column of each kind.
func batches() Listing[*stokerv1.Batch] {
	return Listing[*stokerv1.Batch]{
		Name: (*stokerv1.Batch).GetId,
		Columns: []Column[*stokerv1.Batch]{
			{Head: "BATCH", Right: true, Value: func(b *stokerv1.Batch) Value { return Named(fmt.Sprint(b.GetNumber()), b.GetNumber()) }},
			{Head: "NAME", Cut: CutEnd, ShrinkTo: 12, Value: func(b *stokerv1.Batch) Value { return Text(b.GetDisplayName()) }},
			{Head: "STATE", Value: func(b *stokerv1.Batch) Value { return State("active", "●", Cyan) }},
			{Head: "DONE", Right: true, Value: func(b *stokerv1.Batch) Value { return Share(b.GetPercent()) }},
			{Head: "JOBS", Right: true, LeaveOut: 2, Value: func(b *stokerv1.Batch) Value { return Count(b.GetJobCount()) }},
			{Head: "CREATED", LeaveOut: 3, Value: func(b *stokerv1.Batch) Value { return At(b.GetCreateTime()) }},
			{Head: "DETAIL", Cut: CutMiddle, LeaveOut: 1, Value: func(b *stokerv1.Batch) Value { return Text(b.GetStateReason()) }},
			{Head: "ACCOUNT", Wide: true, Value: func(b *stokerv1.Batch) Value { return Text(b.GetAccount()) }},
		},
	}
}

// hostileNames are names that a table has trouble with.
var hostileNames = []string{
	"", "night run 411", hostile.Text, "a\tb\nc", "七人の侍 七人の侍 七人の侍 七人の侍", "e\u0301\u0301\u0301\u0301clair",
	"\u0301", "👨‍👩‍👧‍👦 family 🇩🇪", strings.Repeat("x", 500), strings.Repeat("侍", 200), "\x1b[31mred\x1b[0m", "a (10003)", "ｆｕｌｌｗｉｄｔｈ", "\xff\xfe broken",
}

// someBatches are n batches with hostile texts.
func someBatches(n int) []*stokerv1.Batch {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	name := func() string { return hostileNames[random.IntN(len(hostileNames))] }
	var all []*stokerv1.Batch
	for i := range n {
		b := &stokerv1.Batch{
			Number: int64(random.IntN(1000)), DisplayName: name(), StateReason: name(), Account: name(),
			Percent: random.Float64() * 100, JobCount: random.Int64N(2_000_000),
		}
		if i%3 > 0 {
			b.CreateTime = timestamppb.Now()
		}
		all = append(all, b)
	}
	return all
}

// printed is a listing as it is printed.
func printed(t *testing.T, l Listing[*stokerv1.Batch], look Look, o Options, all ...*stokerv1.Batch) string {
	t.Helper()
	var b strings.Builder
	w, err := l.NewWriter(&b, look, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A table is never wider than the terminal, whatever is in it, and nothing in it does anything to the
// terminal. Its first column is always there.
func TestTableFits(t *testing.T) {
	for width := 20; width <= 200; width++ {
		for rows := range 6 {
			for _, ascii := range []bool{false, true} {
				text := printed(t, batches(), Look{Width: width, ASCII: ascii}, Options{}, someBatches(rows)...)
				if rows > 0 && !strings.HasPrefix(text, "BATCH") {
					t.Fatalf("width %d: the first column is missing:\n%s", width, text)
				}
				hostile.CheckPrintable(t, text)
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				if want := rows + 1; rows > 0 && len(lines) != want {
					t.Fatalf("width %d: %d lines, want %d:\n%s", width, len(lines), want, text)
				}
				for _, line := range lines {
					if Cells(line) > width || strings.HasSuffix(line, " ") {
						t.Fatalf("width %d: a line of %d: %q", width, Cells(line), line)
					}
				}
			}
		}
	}
}

// Columns are shortened and left out in their order.
func TestLayout(t *testing.T) {
	shapes := []shape{{head: "A"}, {head: "NAME", cut: CutEnd, shrinkTo: 12}, {head: "B", leaveOut: 2}, {head: "DETAIL", cut: CutEnd, leaveOut: 1}}
	natural := []int{5, 20, 6, 30}
	for _, tt := range []struct {
		width int
		want  []int
	}{
		{67, []int{5, 20, 6, 30}},
		{66, []int{5, 19, 6, 30}},
		{59, []int{5, 12, 6, 30}},
		{58, []int{5, 20, 6, 0}}, // DETAIL goes, and there is room for the names again
		{34, []int{5, 19, 6, 0}},
		{27, []int{5, 12, 6, 0}},
		{26, []int{5, 19, 0, 0}},
		{18, []int{5, 11, 0, 0}},
		{15, []int{5, 8, 0, 0}},
		{14, []int{5, 0, 0, 0}},
		{4, []int{4, 0, 0, 0}},
	} {
		if got := layout(shapes, natural, tt.width); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("width %d: %v, want %v", tt.width, got, tt.want)
		}
	}
}

// A column without any value is left out, and heads say nothing over an empty list.
func TestNothingThatSaysNothing(t *testing.T) {
	text := printed(t, batches(), Look{Width: 80}, Options{}, &stokerv1.Batch{Number: 7})
	if want := "BATCH  STATE     DONE  JOBS\n    7  ● active   0 %     0\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if text := printed(t, batches(), Look{Width: 80}, Options{}); text != "" {
		t.Errorf("an empty list prints %q", text)
	}
	if text := printed(t, batches(), Look{Width: 80}, Options{Columns: []string{"batch", "detail"}}, &stokerv1.Batch{Number: 7}); text != "BATCH  DETAIL\n    7\n" {
		t.Errorf("a column that was asked for: %q", text)
	}
	l := batches()
	l.Leave = []string{"STATE", "DONE", "JOBS"}
	if text := printed(t, l, Look{Width: 80}, Options{NoHeader: true}, &stokerv1.Batch{Number: 7}); text != "    7\n" {
		t.Errorf("%q", text)
	}
}

// A program gets every column, at its place, and nothing for people.
func TestPipe(t *testing.T) {
	b := &stokerv1.Batch{Number: 7, DisplayName: "a\tb", JobCount: 31870, Percent: 61.8, Account: "default", CreateTime: &timestamppb.Timestamp{Seconds: 1795957351}}
	l := batches()
	l.Leave = []string{"STATE"}
	for _, o := range []Options{{}, {Format: FormatTable}, {Format: FormatWide}} {
		if got, want := printed(t, l, Look{}, o, b), "7\ta b\tactive\t61\t31870\t2026-11-29T13:02:31.000Z\t\tdefault\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// -o wide has every column on a terminal too, and cuts nothing.
func TestWide(t *testing.T) {
	b := &stokerv1.Batch{Number: 7, DisplayName: strings.Repeat("x", 100), Account: "default"}
	text := printed(t, batches(), Look{Width: 40}, Options{Format: FormatWide}, b)
	if !strings.Contains(text, strings.Repeat("x", 100)+"  ● active") || !strings.Contains(text, "ACCOUNT") {
		t.Errorf("%q", text)
	}
}

// A long table is printed while it is read. A column that appears later gets a head.
func TestLongTable(t *testing.T) {
	var b strings.Builder
	w, err := batches().NewWriter(&b, Look{Width: 60}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rowsTogether + 1 {
		m := &stokerv1.Batch{Number: 7}
		if i == rowsTogether {
			m.DisplayName = "a name"
		}
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() == 0 {
		t.Error("nothing is printed before the end")
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "BATCH"); n != 2 || !strings.HasSuffix(b.String(), "a name  ● active   0 %     0\n") {
		t.Errorf("%d heads, and the end is %q", n, b.String()[b.Len()-80:])
	}
}

func BenchmarkTable(b *testing.B) {
	b.Run("hostile", func(b *testing.B) { benchmarkTable(b, someBatches(100_000)) })
	b.Run("usual", func(b *testing.B) {
		all := someBatches(100_000)
		for i, m := range all {
			m.DisplayName, m.StateReason, m.Account = fmt.Sprintf("night run of an archive %d", i), "clips/2019-06/marathon-finish-of-a-long-day.mov", "default"
		}
		benchmarkTable(b, all)
	})
}

func benchmarkTable(b *testing.B, all []*stokerv1.Batch) {
	b.ReportAllocs()
	for b.Loop() {
		var discard strings.Builder
		w, err := batches().NewWriter(&discard, Look{Width: 120, Colour: true}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range all {
			if err := w.Add(m); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.End(); err != nil {
			b.Fatal(err)
		}
	}
}
