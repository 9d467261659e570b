package main

import (
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/middlebox"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// behindProxy serves f behind a proxy that breaks the first n calls of a method, and
// returns the proxy's address.
func behindProxy(t *testing.T, f *fake, method string, n int, fault middlebox.Fault) string {
	t.Helper()
	address := f.start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &middlebox.Proxy{
		Dial: func() (net.Conn, error) { return net.Dial("tcp", address) },
		Plan: func(c middlebox.Call) *middlebox.Fault {
			if strings.HasSuffix(c.Method, "/"+method) && c.Number < n {
				return &fault
			}
			return nil
		},
	}
	var serving sync.WaitGroup
	serving.Go(func() { proxy.Serve(listener) })
	t.Cleanup(func() {
		_ = listener.Close() // ends the serving
		serving.Wait()
		proxy.Close()
	})
	return listener.Addr().String()
}

// TestLostAnswers checks what the user is told when an answer does not come.
func TestLostAnswers(t *testing.T) {
	lost := middlebox.Fault{Moment: middlebox.Afterwards, Way: middlebox.Reset(http2.ErrCodeInternal)}
	page := middlebox.Fault{Moment: middlebox.Instead, Way: middlebox.Page(502)}
	for _, tt := range []struct {
		name   string
		method string
		times  int
		fault  middlebox.Fault
		args   []string
		code   int
		stdout string
		stderr []string
		asked  int
	}{
		{
			name: "a retry", method: "RetryJobs", times: 9, fault: lost, args: []string{"retry", sample.BatchID, "--yes"},
			code: 3, asked: 1,
			stderr: []string{
				"What has been retried is no longer failed.\n", "gave no answer: stream terminated by RST_STREAM with error code: INTERNAL_ERROR.",
				"It may have done what was asked, or not; check what became of it before you repeat the command\n",
			},
		},
		{
			name: "a page instead of a retry", method: "RetryJobs", times: 9, fault: page, args: []string{"retry", sample.BatchID, "--yes"},
			code: 3, asked: 0,
			stderr: []string{
				"gave no answer: HTTP status 502 (Bad Gateway). It may have done what was asked, or not; check what became of it before you repeat the command\n",
			},
		},
		{
			name: "a count of retries", method: "RetryJobs", times: 2, fault: lost, args: []string{"retry", sample.BatchID, "--dry-run"},
			stdout: "7\n", stderr: []string{sample.BatchID + " night run: 7 jobs would be retried\n"}, asked: 3,
		},
		{
			name: "cancelled jobs", method: "CancelJobs", times: 1, fault: lost, args: []string{"cancel", sample.BatchID, "--state", "waiting", "--yes"},
			stdout: "412\n", asked: 2,
			stderr: []string{sample.BatchID + " night run: cancelling 412 jobs\n", "An earlier answer of the server was lost: what was cancelled before that is not counted.\n"},
		},
		{
			name: "cancelled jobs, and nothing lost", method: "CancelJobs", args: []string{"cancel", sample.BatchID, "--state", "waiting", "--yes"},
			stdout: "412\n", stderr: []string{sample.BatchID + " night run: cancelling 412 jobs\n"}, asked: 1,
		},
		{
			name: "a proxy that takes its time", method: "CancelBatch", times: 4, fault: page, args: []string{"cancel", sample.BatchID, "--yes"},
			stdout: "4\n", asked: 1,
			stderr: []string{"No answer from the server at 127.0.0.1:", " (HTTP status 502 (Bad Gateway)); trying again.\n", sample.BatchID + " night run: cancelling 4 jobs\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			address := behindProxy(t, f, tt.method, tt.times, tt.fault)
			got := command{}.run(t.Context(), append(tt.args, "--server", address)...)
			if got.code != tt.code || got.stdout != tt.stdout {
				t.Errorf("exit code %d and %q, want %d and %q", got.code, got.stdout, tt.code, tt.stdout)
			}
			rest := got.stderr
			for _, want := range tt.stderr {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Errorf("it says\n%s\nwithout %q", got.stderr, want)
				}
				rest = after
			}
			if rest != "" {
				t.Errorf("it also says %q", rest)
			}
			if asked := f.askedToChange(); asked != tt.asked {
				t.Errorf("the server was asked %d times, want %d", asked, tt.asked)
			}
		})
	}
}

// TestSubmitIsNotStoredTwice checks that a submission is repeated under the same request id.
func TestSubmitIsNotStoredTwice(t *testing.T) {
	f := &fake{}
	address := behindProxy(t, f, "SubmitBatch", 3, middlebox.Fault{Moment: middlebox.Afterwards, Way: middlebox.Cut()})
	got := command{stdin: "input_path\nin/a.mp4\n"}.run(t.Context(), "submit", "-", "--server", address)
	if got.code != 0 || strings.Contains(got.stderr, "trying again") {
		t.Errorf("got %+v", got)
	}
	ids := map[string]bool{}
	for _, m := range f.asked {
		if r, ok := m.(*stokerv1.SubmitBatchRequest); ok {
			ids[r.GetRequestId()] = true
		}
	}
	if len(f.asked) != 4 || len(ids) != 1 || ids[""] {
		t.Errorf("%d requests with ids %v, want four with one id", len(f.asked), ids)
	}
}
