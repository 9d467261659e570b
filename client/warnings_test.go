package client_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Warnings come once, numbered as in the whole list, however that is sent.
func TestWarnings(t *testing.T) {
	parts := client.Options{MessageBytes: 200} // room for five or six of the jobs
	for _, tt := range []struct {
		name    string
		options client.Options
		submit  client.SubmitOptions
	}{
		{"in one message", client.Options{}, client.SubmitOptions{}},
		{"in parts", parts, client.SubmitOptions{}},
		{"in parts, going on with a batch", parts, client.SubmitOptions{BatchID: "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := (&table{jobs: map[string]bool{}}).service()
			s.odd = "k-7"
			within(t, s, tt.options, func(t *testing.T, c *client.Client) {
				var got []client.Warning
				total := int64(0)
				tt.submit.Warn = func(list []client.Warning, n int64) {
					got = append(got, list...)
					total += n
				}
				if _, err := c.SubmitWith(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: specs(10)}, tt.submit); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]client.Warning{{Field: "jobs[7].key", Message: "is odd"}}, got); diff != "" || total != 2 {
					t.Errorf("%d warnings, want 2; those listed (-want +got):\n%s", total, diff)
				}
			})
		})
	}
}

// Output paths are held against each other before anything is sent, unless a template may
// tell jobs apart by something else.
func TestOutputPathsOfParts(t *testing.T) {
	jobs := specs(10)
	jobs[8].OutputPath = "out/1/"
	jobs[9].InputPath, jobs[9].OutputPath = "/out//2.mov", ""
	tb := &table{jobs: map[string]bool{}}
	within(t, tb.service(), client.Options{MessageBytes: 200}, func(t *testing.T, c *client.Client) {
		_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: jobs})
		want := []client.Violation{
			{Field: "jobs[8].output_path", Message: `"out/1/" is written to by jobs[1] already; one would overwrite the other`},
			{Field: "jobs[9].input_path", Message: `derives the output path "out/2", which is written to by jobs[2] already; one would overwrite the other; give one an output_path, or leave it out`},
		}
		if diff := cmp.Diff(want, client.Violations(err)); diff != "" || len(tb.calls) > 0 {
			t.Errorf("after the calls %q (-want +got):\n%s", tb.calls, diff)
		}
		template := &stokerv1.SubmitBatchRequest_Template{Template: "by-key"}
		if _, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{EncodeWith: template, Jobs: jobs}); err != nil {
			t.Errorf("with a template: %v", err)
		}
	})
}
