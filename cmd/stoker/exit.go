package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/output"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitInterrupted = 130 // by Ctrl-C
)

// exitError ends the program with an exit code. If err is nil, no error is printed: the output of the
// command says what is wrong.
type exitError struct {
	code    int
	err     error
	located bool   // the error is one of mistakes that each have their place
	below   string // printed below the error: commands that help, or a table of what was meant
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// didYouMean is a usage error that shows the command which was probably meant.
func didYouMean(problem, command string) error {
	return &exitError{code: exitUsage, err: errors.New(output.Printable(problem) + "; did you mean"), below: "  " + command}
}

// usageError gives an error exit code 2: a mistake of the user.
func usageError(err error) error { return &exitError{code: exitUsage, err: err} }

// usagef is [usageError] with a format. Strings among args are made [output.Printable].
func usagef(format string, args ...any) error {
	return usageError(fmt.Errorf(format, output.PrintableArgs(args)...))
}

// runError gives an error exit code 1: the command line was right, and the command failed.
func runError(err error) error { return &exitError{code: exitFailed, err: err} }

// reportError prints an error and returns the exit code for it.
func (c *cli) reportError(ctx context.Context, err error) int {
	code, text, below := c.exitStatus(ctx, err)
	if text == "" {
		return code
	}
	// A list of mistakes has the place of each instead.
	located := strings.Contains(text, "\n")
	if e, ok := errors.AsType[*exitError](err); ok && e.located {
		located = true
	}
	if !located {
		text = "stoker: " + text
	}
	if below != "" {
		text += "\n" + below
	}
	_, _ = fmt.Fprintln(c.stderr, output.PrintableLines(text)) // an error that cannot be printed still has its exit code
	return code
}

// exitStatus returns the exit code for an error, the text to print, "" for none, and what to print below the
// text.
func (c *cli) exitStatus(ctx context.Context, err error) (code int, text, below string) {
	if err == nil {
		return exitOK, "", ""
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.err == nil {
			return e.code, "", ""
		}
		return e.code, err.Error(), e.below
	}
	if i, ok := errors.AsType[*interrupted](context.Cause(ctx)); ok {
		return i.code(), "", ""
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage, err.Error(), ""
	}
	if lost, ok := errors.AsType[*client.LostAnswerError](err); ok {
		return exitUnreachable, lostAnswerText(c.connection.Server, lost), ""
	}
	if s, ok := errors.AsType[statusError](err); ok {
		if wrong := c.args.notUTF8(); wrong != "" && s.GRPCStatus().Code() == codes.Internal && strings.HasPrefix(s.GRPCStatus().Message(), "grpc: error while marshaling") {
			return exitUsage, wrong + " is not UTF-8, in which everything is that a server is told: type it in a terminal with UTF-8", ""
		}
		code, text, below = statusExit(c.connection.Server, s.GRPCStatus())
		if s.GRPCStatus().Code() == codes.Unauthenticated && !c.connection.showsProof(c.getenv) {
			text += "; none was shown: name the file of a token with --token-file"
		}
		return code, text, below
	}
	if c.started {
		return exitFailed, err.Error(), ""
	}
	return exitUsage, commandLineText(err), ""
}

// commandLineText is an error of the command library about flags or arguments. Flags that exclude each
// other are reported in this program's words.
func commandLineText(err error) string {
	text := output.Printable(err.Error())
	if _, set, ok := strings.Cut(text, "none of the others can be; ["); ok {
		if names, ok := strings.CutSuffix(set, "] were all set"); ok {
			return "--" + strings.Join(strings.Fields(names), " and --") + " cannot be used together"
		}
	}
	return text
}

// statusExit is [cli.exitStatus] for the status of a call to the server.
func statusExit(server string, s *status.Status) (code int, text, below string) {
	if s.Code() == codes.Unavailable && client.Reason(s.Err()) != "" {
		return exitUnreachable, fmt.Sprintf("the server at %s cannot do that now: %s", server, output.Printable(s.Message())), ""
	}
	if s.Code() == codes.Unavailable || s.Code() == codes.DeadlineExceeded || client.Unanswered(s.Err()) {
		return unreachable(server, connectionErrorText(s.Err()))
	}
	message := output.Printable(s.Message())
	if s.Code() == codes.Unimplemented {
		message += "; the server is older than this command"
	}
	switch s.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange,
		codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated:
		if violations := client.Violations(s.Err()); len(violations) > 0 {
			return exitUsage, violationLines(violations, client.ViolationCount(s.Err())), ""
		}
		return exitUsage, message, ""
	}
	return exitFailed, fmt.Sprintf("%s (%s)", message, s.Code()), ""
}

// unreachable is [statusExit] for a server that gives no answer, for the reason why.
func unreachable(server, why string) (code int, text, below string) {
	const other = "name another with --server HOST:PORT or --context NAME"
	text = fmt.Sprintf("nothing answers at %s (%s); ", server, why)
	if !client.IsLoopback(server) {
		return exitUnreachable, text + other, ""
	}
	return exitUnreachable, text + "start it, or " + other, "  stoker serve"
}

// lostAnswerText reports a call that may have been carried out, but got no answer, and says whether the
// command can be repeated.
func lostAnswerText(server string, lost *client.LostAnswerError) string {
	advice := "the command can be repeated: nothing is done twice"
	if !lost.Repeatable {
		advice = "check what became of it before you repeat the command"
	}
	problem := "gave no answer"
	if client.Reason(lost.Err) == "OUTCOME_UNKNOWN" {
		problem = "does not know what became of it"
	}
	return fmt.Sprintf("the server at %s %s: %s. It may have done what was asked, or not; %s",
		server, problem, connectionErrorText(lost.Err), advice)
}

// flagOf is the flag that sets a field of a request; the field itself if none is known to.
func flagOf(field string) string {
	name, _, _ := strings.Cut(field, "[")
	flags := map[string]string{
		"batch.priority": "--priority", "batch.display_name": "--name", "set_labels": "--set-label", "remove_labels": "--remove-label",
		"priority": "--priority", "causes": "--cause", "categories": "--category", "key_prefix": "--key-prefix",
	}
	return cmp.Or(flags[name], field)
}

// violationLines lists mistakes in a request, a line each, and counts those of the total that are not in
// violations.
func violationLines(violations []client.Violation, total int) string {
	lines := make([]string, len(violations))
	for i, v := range violations {
		lines[i] = output.Printable(flagOf(v.Field) + ": " + strings.ReplaceAll(v.Message, "ListFailures lists", "stoker failures lists"))
	}
	if more := total - len(violations); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}
