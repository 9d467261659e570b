package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// A template can come from anybody who may submit a batch. What is small as text and huge
// as a document is refused before it is made into one: this test would not end otherwise.
func TestTooMuch(t *testing.T) {
	const (
		large = "more than 10000 values; an alias counts as all values that it stands for"
		deep  = "line 1: nested deeper than 100 levels"
		paths = "keys are too long: the paths of all values together have more than 16777216 bytes"
	)
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 30 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	var many strings.Builder // besides the team, the rate and trim
	for i := range 49 {
		fmt.Fprintf(&many, "${var:v%d}", i)
	}
	var below strings.Builder
	for i := range 500 {
		below.WriteString(strings.Repeat(" ", i) + strings.Repeat("k", 100) + ":\n")
	}
	below.WriteString(strings.Repeat(" ", 500) + "[" + strings.Repeat("1,\n", 4000) + "]")
	for _, tt := range []struct{ name, source, want string }{
		{"aliases of aliases", laughs.String(), "line 4: " + large},
		{"merged aliases", strings.ReplaceAll(laughs.String(), "[*a", "[{<<: *b}, *a"), "line 4: " + large},
		{"aliases of a long text", "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.Repeat("*a, ", 1000) + "]", "line 2: " + large},
		{"a long list", "a:\n" + strings.Repeat("- b\n", 10_000), "line 2: " + large},
		{"many keys", strings.Repeat("a: b\n", 20_000), "line 16667: " + large}, // too much for the parser already
		{"a long comment", "#" + strings.Repeat(" ", 1<<20), "line 1: longer than 1048576 bytes"},
		{"brackets", strings.Repeat("[", 100_000), deep},
		{"braces", strings.Repeat("{a: ", 50_000), deep},
		{"dashes", strings.Repeat("- ", 100_000), deep},
		{"question marks", strings.Repeat("? ", 100_000), deep},
		{"a long key above many", "a: 1\n" + strings.Repeat("k", 100_000) + ":\n" + strings.Repeat(" - 1\n", 4000), "line 85: " + paths},
		{"a long key in braces", "a: {b: 1, " + strings.Repeat("k", 100_000) + ": [" + strings.Repeat("1, ", 4000) + "]}", "line 1: " + paths},
		{"a long key with an anchor", "&a " + strings.Repeat("k", 100_000) + ":\n" + strings.Repeat(" - 1\n", 4000), "line 84: " + paths},
		{"a long key behind a question mark", "? " + strings.Repeat("k", 100_000) + "\n: [" + strings.Repeat("1, ", 4000) + "]", "line 2: " + paths},
		{"long keys below each other", below.String(), "line 410: " + paths},
		{"a long key above an alias", "a: &a [" + strings.Repeat("1, ", 1000) + "]\n" + strings.Repeat("k", 100_000) + ": *a", "line 2: " + large},
		{"deep, further down", small + "\na: " + strings.Repeat("[", 101), "line 20: nested deeper than 100 levels"},
		{
			"many variables", strings.Replace(small, "      labels:", "      customData: {more: \""+many.String()+"\"}\n      labels:", 1),
			"line 1: uses 52 variables of jobs; a job can have 50",
		},
		{"an alias of itself", "metadata: &m {type: *m}", "line 1: *m: nothing above is marked &m\nline 1: metadata.type: want VOD\nline 1: encodings: want one encoding, not 0: a job is one encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, tt.source, tt.want)
		})
	}
}

// What people write is far from the limits.
func TestNotTooMuch(t *testing.T) {
	var large strings.Builder
	large.WriteString(strings.Replace(small, "    start:", "    muxings:\n      fmp4:\n", 1))
	for i := range 400 {
		fmt.Fprintf(&large, "        m%d: {properties: {segmentLength: 4, streams: [{streamId: $/encodings/main/streams/v}], outputs: [{outputId: o, outputPath: \"${output_path}/%d\"}]}}\n", i, i)
	}
	large.WriteString("    start: {}\n")
	got, err := parse(t, large.String()).Render(values())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, `"outputPath":"out/a/399"`) {
		t.Errorf("the last muxing is missing in %d bytes", len(got))
	}
}

// Names that are like others, and as many references to none of them, are compared for a hint only until that takes
// long: this test would not end otherwise.
func TestHintsAreBounded(t *testing.T) {
	const like = "-and-a-long-part-that-all-of-them-have-in-common"
	var text strings.Builder
	text.WriteString("metadata: {type: VOD}\nfilters:\n  conform:\n")
	for i := range 2_000 {
		fmt.Fprintf(&text, "    f%d%s: {}\n", i, like)
	}
	text.WriteString("encodings:\n  e:\n    properties:\n      customData:\n")
	for i := range 2_000 {
		fmt.Fprintf(&text, "        - $/filters/conform/g%d%s\n", i, like)
	}
	_, mistakes := template.Parse(job.Template{Text: text.String()})
	hints := 0
	for _, m := range mistakes {
		if strings.Contains(m.Text, "did you mean") {
			hints++
		}
	}
	if len(mistakes) < 2_000 || hints < 2 || hints > 100 {
		t.Errorf("%d mistakes, %d of them with a hint; want hints for the first few", len(mistakes), hints)
	}
}

// Beyond what is read of them, the mistakes of jobs are the same ones, and have no hints.
func TestCheckBriefly(t *testing.T) {
	parsed := parse(t, strings.Replace(ordinary, "AWS_EU_WEST_1", "${var:region}", 1))
	s := values().Job
	s.Variables = map[string]string{"region": "AWS_EU_WEST1", "regoin": "x"}
	long, short := parsed.Check(s), parsed.CheckBriefly(s)
	if len(long) != 2 || len(short) != 2 {
		t.Fatalf("%v, %v", long, short)
	}
	for i := range long {
		if short[i].Field != long[i].Field || !strings.Contains(long[i].Message, "did you mean") || strings.Contains(short[i].Message, "did you mean") {
			t.Errorf("%v, briefly %v", long[i], short[i])
		}
	}
}
