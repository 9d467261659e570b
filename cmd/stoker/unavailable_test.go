package main

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/testkit/sample"
)

// TestUnavailable checks what the user is told by a server that answers, and whose job table cannot be reached or does not
// confirm a change.
func TestUnavailable(t *testing.T) {
	answer := func(reason, text string) error {
		s, err := status.New(codes.Unavailable, text).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "stoker"})
		if err != nil {
			t.Fatal(err)
		}
		return s.Err()
	}
	unknown := answer("OUTCOME_UNKNOWN", "the job table has not confirmed the change, which may have been made")
	for _, tt := range []struct {
		name   string
		method string
		err    error
		args   []string
		code   int
		says   string
	}{
		{
			"a retry while the job table is away", "RetryJobs", answer("JOB_TABLE_UNAVAILABLE", "the job table cannot be reached; try again"),
			[]string{"retry", sample.BatchID, "--yes"},
			exitUnreachable, "cannot do that now: the job table cannot be reached; try again\n",
		},
		{
			"a retry that is not confirmed", "RetryJobs", unknown,
			[]string{"retry", sample.BatchID, "--yes"},
			exitUnreachable,
			"does not know what became of it: the job table has not confirmed the change, which may have been made. It may have done what was asked, or not; check what became of it",
		},
		{
			"cancelled jobs, not confirmed at first", "CancelJobs", unknown,
			[]string{"cancel", sample.BatchID, "--state", "waiting", "--yes"},
			exitOK,
			"An earlier answer of the server was lost: what was cancelled before that is not counted.\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var failed atomic.Bool
			once := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				if strings.HasSuffix(info.FullMethod, "/"+tt.method) && !failed.Swap(true) {
					return nil, tt.err
				}
				return handle(ctx, req)
			}
			address := serve(t, &fake{}, grpc.ChainUnaryInterceptor(once))
			got := command{}.run(t.Context(), append(tt.args, "--server", address)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.says) || strings.Contains(got.stderr, "nothing answers") {
				t.Errorf("exit code %d, want %d: %s\nwithout %q", got.code, tt.code, got.stderr, tt.says)
			}
		})
	}
}

// TestLiveViewTellsOfRepeats checks that nothing is written into the live view of a list while its server is away.
func TestLiveViewTellsOfRepeats(t *testing.T) {
	var stderr strings.Builder
	var told []string
	c := &cli{stderr: &stderr, notifyLive: func(text string) { told = append(told, text) }}
	c.connection.Server = "127.0.0.1:7070"
	for range notedRepeat {
		c.noteRepeat(client.Repeat{Method: "WatchBatches", Err: status.Error(codes.Unavailable, "connection refused")})
	}
	const want = "No answer from the server at 127.0.0.1:7070 (connection refused); trying again."
	if stderr.String() != "" || len(told) != notedRepeat || told[0] != want {
		t.Errorf("the view shows %q, and standard error has %q", told, stderr.String())
	}
}
