package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// oddAnswers answers every submission with warnings.
type oddAnswers struct{ *fake }

func (oddAnswers) SubmitBatch(context.Context, *stokerv1.SubmitBatchRequest) (*stokerv1.SubmitBatchResponse, error) {
	return &stokerv1.SubmitBatchResponse{
		Batch: sample.Batch(), WarningCount: 5,
		Warnings: []*stokerv1.Warning{{Field: "jobs[1].key", Message: `"b " ends with a blank, which is kept`}, {Field: "labels", Message: "are odd"}},
	}, nil
}

// Warnings go to standard error, name jobs by their lines, and change nothing else.
func TestWarnings(t *testing.T) {
	address := serve(t, oddAnswers{&fake{}})
	got := command{stdin: "key,input_path\na,a.mov\n\n\"b \",b.mov\n"}.run(t.Context(), "submit", "-", "--server", address)
	want := result{0, sample.BatchID + "\n", `standard input:4: warning: key: "b " ends with a blank, which is kept
labels: warning: are odd
warning: and 3 more
` + sample.BatchID + " night run: 2 jobs submitted\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The name of a list is its own, whatever is in it.
func TestWarningOfAListWithAColon(t *testing.T) {
	list := filepath.Join(t.TempDir(), "night: 2.csv")
	if err := os.WriteFile(list, []byte("key,input_path\na,a.mov\nb,b.mov\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := command{}.run(t.Context(), "submit", list, "--server", serve(t, oddAnswers{&fake{}}))
	if want := "night: 2.csv:3: warning: key: \"b \" ends with a blank, which is kept\n"; !strings.HasPrefix(got.stderr, want) {
		t.Errorf("printed %q, want %q first", got.stderr, want)
	}
}
