package main

import (
	"io"
	"strings"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/testkit/golden"
	"github.com/stokerd/stoker/internal/ui"

	"github.com/stokerd/stoker/client"
)

func mustDial(t *testing.T, address string) *client.Client {
	t.Helper()
	conn, err := client.Dial(address, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestBatchNames(t *testing.T) {
	conn := mustDial(t, newTable().start(t))
	for _, tt := range []struct {
		name   string
		reads  int64  // the number of the batch that a reading command finds; 0: none
		writes int64  // that a command finds which changes something
		says   string // to standard error, when it reads
	}{
		{name: "411", reads: 411, writes: 411},
		{name: id(411), reads: 411, writes: 411},
		{name: strings.ToUpper(id(411)), reads: 411, writes: 411},
		{name: "01a20f4c-7", reads: 411, writes: 411},
		{name: "01A20F4C-7", reads: 411, writes: 411},
		{name: "01a20f4c"},
		{name: "@last", reads: 417, writes: 417},
		{name: "night run 411", reads: 411, writes: 411},
		{name: "2026/11 news", reads: 396, writes: 396},
		{name: "promo tests", reads: 415, says: "\"promo tests\" is 415, the only one of 2 that has not ended\n"},
		{name: "twice", reads: 402, says: "\"twice\" is 402, the newest of 2, which have all ended\n"},
		{name: "two at once"},
		{name: "401", reads: 401}, // the number of one, and the name of another
		{name: "night"},
		{name: "4711"},
		{name: "0411"},
		{name: ""},
		{name: "\xff"},
		{name: "-1"},
		{name: strings.Repeat("x", 201)},
		{name: "99999999999999999999"},
	} {
		for _, strict := range []bool{false, true} {
			var said strings.Builder
			n := naming{c: &cli{stderr: &said, getenv: noEnv, look: inPipe}, conn: conn, strict: strict}
			want, says := tt.reads, tt.says
			if strict {
				want, says = tt.writes, ""
			}
			b, err := n.batch(t.Context(), tt.name)
			if b.GetNumber() != want || (err == nil) != (want != 0) || said.String() != says {
				t.Errorf("%q, strict %t: %d, %v, says %q; want %d, %q", tt.name, strict, b.GetNumber(), err, said.String(), want, says)
			}
			if code, text, _ := n.c.exitStatus(t.Context(), err); err != nil && (code != exitUsage || text == "") {
				t.Errorf("%q: exit code %d, %q", tt.name, code, text)
			}
		}
	}
}

func TestJobNames(t *testing.T) {
	conn := mustDial(t, newTable().start(t))
	for _, tt := range []struct{ name, reads, writes string }{
		{"411/17", "411/17", "411/17"},
		{id(411) + "/17", "411/17", "411/17"},
		{"night run 411/17", "411/17", "411/17"},
		{"411/films/sintel", "411/29", "411/29"},
		{"411/77", "411/32", "411/32"},                  // a key, since there is no such number
		{"411/31", "411/31", ""},                        // a number, and the key of another job
		{"411/9999999999999999999", "411/33", "411/33"}, // a key, and too large for a number
		{id(411) + "/31", "411/31", "411/31"},
		{"5e6f21c8-0b7d-4e19-8f3e-6cc1d2f7a310", "411/17", "411/17"},
		{"411/", "", ""},
		{"/17", "", ""},
		{"411/nothing", "", ""},
		{"999/1", "", ""},
		{"nothing", "", ""},
		{"", "", ""},
	} {
		for _, strict := range []bool{false, true} {
			want := tt.reads
			if strict {
				want = tt.writes
			}
			n := naming{c: &cli{stderr: new(strings.Builder), getenv: noEnv, look: inPipe}, conn: conn, strict: strict}
			j, err := n.job(t.Context(), tt.name)
			got := ""
			if j != nil {
				got = jobName(j)
			}
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%q, strict %t: %q, %v; want %q", tt.name, strict, got, err, want)
			}
			if code, text, _ := n.c.exitStatus(t.Context(), err); err != nil && (code != exitUsage || text == "") {
				t.Errorf("%q: exit code %d, %q", tt.name, code, text)
			}
		}
	}
}

func TestBatchOrJob(t *testing.T) {
	conn := mustDial(t, newTable().start(t))
	for name, want := range map[string]string{
		"411": "411", "411/17": "411/17", "2026/11 news": "396", "5e6f21c8-0b7d-4e19-8f3e-6cc1d2f7a310": "411/17", "x/1": "", "x": "", "01a20f4c-0000-7d3a-9c52-2f6f0c9b0000": "",
	} {
		got := ""
		one, err := naming{c: &cli{stderr: new(strings.Builder), getenv: noEnv, look: inPipe}, conn: conn, strict: true}.batchOrJob(t.Context(), name)
		switch {
		case one.batch != nil:
			got = batchNumber(one.batch)
		case one.job != nil:
			got = jobName(one.job)
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

func batchNumber(b *stokerv1.Batch) string { return strings.Fields(ui.BatchTitle(b))[0] }

func TestNamesThatFitNothingOrTooMuch(t *testing.T) {
	table := newTable()
	address := table.start(t)
	var told strings.Builder
	for _, args := range [][]string{
		{"cancel", "01a20f4c", "--yes"},
		{"cancel", "401", "--yes"},
		{"cancel", "promo tests", "--yes"},
		{"pause", "two at once"},
		{"cancel", "411/31"},
		{"cancel", "411/31", "411/29", "--yes"},
		{"update", "night", "--priority", "9"},
		{"close", "nothing"},
		{"delete", "999", "--yes"},
		{"retry", "411/nothing"},
		{"pause", "411/17"},
	} {
		got := command{}.run(t.Context(), append(args, "--server", address)...)
		if got.code != exitUsage || got.stdout != "" {
			t.Errorf("%q: exit code %d, printed %q", args, got.code, got.stdout)
		}
		told.WriteString("$ stoker " + commandLine(args).again(false)[len("stoker "):] + "\n" + got.stderr)
	}
	golden.Check(t, "names", told.String())
	if len(table.asked) > 0 {
		t.Errorf("the server was asked to change something: %v", table.asked)
	}
}

func noEnv(string) string { return "" }

func inPipe(io.Writer) output.Look { return output.Look{} }
