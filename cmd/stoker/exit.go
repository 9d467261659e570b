package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/joblist"
)

const exitCodes = `
Exit codes: 0 all succeeded; 1 some jobs failed, or the command did; 2 wrong usage,
bad input, or a name that does not exist; 3 the server cannot be reached, or does not
answer; 130 and 143 interrupted.`

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// exitError ends the program with a code. Without err nothing is printed: the
// command has said what there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as the caller's own.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

func usagef(format string, args ...any) error {
	return usage(fmt.Errorf(format, printableArgs(args)...))
}

// failed marks an error of a command that was used rightly.
func failed(err error) error { return &exitError{code: exitFailed, err: err} }

// exit prints an error and returns the code for it.
func (c *cli) exit(ctx context.Context, err error) int {
	code, text := c.verdict(ctx, err)
	if text != "" {
		_, _ = fmt.Fprintln(c.stderr, prefixed(printableLines(text))) // there is nowhere left to complain
	}
	return code
}

// printableLines is a text of several lines as it is shown.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

func prefixed(text string) string {
	if strings.Contains(text, "\n") {
		return text // a list of mistakes, each with its place
	}
	return "stoker: " + text
}

func (c *cli) verdict(ctx context.Context, err error) (code int, text string) {
	if err == nil {
		return exitOK, ""
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.err == nil {
			return e.code, ""
		}
		return e.code, e.Error()
	}
	if i, ok := errors.AsType[*interrupted](context.Cause(ctx)); ok {
		return i.code(), ""
	}
	if _, ok := errors.AsType[*joblist.Error](err); ok {
		return exitUsage, err.Error()
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage, err.Error()
	}
	if l, ok := errors.AsType[*client.LostAnswerError](err); ok {
		return exitUnreachable, c.lostText(l)
	}
	if s, ok := errors.AsType[answered](err); ok {
		return c.statusVerdict(s.GRPCStatus())
	}
	if c.began {
		return exitFailed, err.Error()
	}
	return exitUsage, printable(err.Error()) // the command library's: unknown flags, wrong arguments
}

// answered is an error of gRPC, without what the client has wrapped around it.
type answered interface {
	error
	GRPCStatus() *status.Status
}

// statusVerdict judges what the server answered, or that it did not.
func (c *cli) statusVerdict(s *status.Status) (code int, text string) {
	message := printable(s.Message())
	switch code := s.Code(); {
	case code == codes.Unavailable, code == codes.DeadlineExceeded, client.Unanswered(s.Err()):
		return exitUnreachable, fmt.Sprintf("the server at %s cannot be reached: %s"+
			" (is stoker serve running there? --server or STOKER_SERVER names another)", c.server, connectionTrouble(s.Err()))
	}
	switch s.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange,
		codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated:
		if violations := client.Violations(s.Err()); len(violations) > 0 {
			return exitUsage, violationLines(violations, client.ViolationCount(s.Err()))
		}
		return exitUsage, message
	}
	return exitFailed, fmt.Sprintf("%s (%s)", message, s.Code())
}

// lostText tells what is known of a call whose answer did not come.
func (c *cli) lostText(l *client.LostAnswerError) string {
	then := "the same command can be given again: what is done already is not done twice"
	if !l.Repeatable {
		then = "look what became of it before you give the same command again"
	}
	return fmt.Sprintf("the server at %s gave no answer: %s. It may have done what was asked, or not; %s", c.server, connectionTrouble(l.Err), then)
}

// violationLines tells what is wrong with a request, one line for each, and how much of
// it is not listed.
func violationLines(violations []client.Violation, total int) string {
	lines := make([]string, len(violations))
	for i, v := range violations {
		lines[i] = printable(v.Field + ": " + v.Message)
	}
	if more := total - len(violations); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}
