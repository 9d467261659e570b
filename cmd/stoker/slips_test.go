package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a user is told who slips names the command, the flag or the list that helps.
func TestSlips(t *testing.T) {
	address := newTable().start(t)
	for line, want := range map[string]string{
		"account default":     "there is no command \"default\"; did you mean\n  stoker account get default",
		"account gte":         "did you mean\n  stoker account get\n",
		"account a b":         "there is no command \"a\"",
		"context use nothing": "no such context \"nothing\"; stoker context list lists them",
		"close 411":           "411 night run 411: is closed already",
	} {
		args := words(line)
		if !strings.HasPrefix(line, "account") && !strings.HasPrefix(line, "context") {
			args = append(args, "--server", address)
		}
		got := command{env: map[string]string{"XDG_CONFIG_HOME": t.TempDir()}}.run(t.Context(), args...)
		if !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit code %d, %q; want %q", line, got.code, got.stderr, want)
		}
	}
}

// A name that the resolver does not know is told as such, and not in words of gRPC.
func TestUnknownHost(t *testing.T) {
	if got := connectionErrorText(status.Error(codes.Unavailable, "name resolver error: produced zero addresses")); got != "there is no host of that name" {
		t.Error(got)
	}
}

// What is wrong with a field of a request is told of the flag that sets it.
func TestViolationsNameFlags(t *testing.T) {
	refuse := grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		if !strings.HasSuffix(info.FullMethod, "/RetryJobs") {
			return handle(ctx, req)
		}
		s, err := status.New(codes.InvalidArgument, "wrong").WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "causes[0]", Description: `no FAILED job has the cause "x"; ListFailures lists the causes in a batch`},
			{Field: "key_prefix", Description: "is too long"},
			{Field: "batch_id", Description: "is required"},
		}}, &errdetails.ErrorInfo{Domain: "stoker", Reason: "INVALID"})
		return nil, errors.Join(err, s.Err())
	})
	got := command{}.run(t.Context(), "retry", "411", "--cause", "x", "--yes", "--server", serve(t, newTable(), refuse))
	want := "--cause: no FAILED job has the cause \"x\"; stoker failures lists the causes in a batch\n--key-prefix: is too long\nbatch_id: is required\n"
	if got.stderr != want || got.code != exitUsage {
		t.Errorf("%+v, want %q", got, want)
	}
}

// With -o json, open prints JSON like every other command.
func TestOpenForPrograms(t *testing.T) {
	got := command{}.run(t.Context(), "open", "411", "--print", "-o", "json", "--server", newTable().start(t))
	var batch struct {
		PageURL string `json:"page_url"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &batch); err != nil || !strings.HasSuffix(batch.PageURL, "/411") {
		t.Errorf("%+v: %v", got, err)
	}
}

// A page of help that cannot be written is no mistake of the user.
func TestHelpOnAFullDisk(t *testing.T) {
	var stderr strings.Builder
	for _, args := range [][]string{{"help"}, {"help", "flags"}, {"help", "submit"}, {"version"}} {
		if code := run(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), fullDisk{}, &stderr); code != exitFailed {
			t.Errorf("%q: exit code %d, want %d", args, code, exitFailed)
		}
	}
}
