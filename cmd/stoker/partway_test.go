package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
)

// failAt refuses calls of a method that change something, from the one with the given number on, counted from 1.
func failAt(method string, number int) grpc.ServerOption {
	var seen atomic.Int64
	return grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		if v, ok := req.(interface{ GetValidateOnly() bool }); !strings.HasSuffix(info.FullMethod, "/"+method) || ok && v.GetValidateOnly() {
			return handle(ctx, req)
		}
		if seen.Add(1) < int64(number) {
			return handle(ctx, req)
		}
		return signed(ctx, req, info, func(context.Context, any) (any, error) {
			return nil, status.Error(codes.FailedPrecondition, "it went wrong")
		})
	})
}

// A verb that makes several calls says, when one of them fails, what is done and what is not.
func TestVerbsThatFailPartway(t *testing.T) {
	var list strings.Builder
	for i := range 2*maxNames + 1 {
		fmt.Fprintf(&list, "411/%d\n", i+1)
	}
	for _, tt := range []struct {
		line, stdin string
		method      string
		number      int
		told        string
		answers     int // with -o json
	}{
		{
			line: "retry - --yes", stdin: list.String(), method: "RetryJobs", number: 2, answers: 1,
			told: "retried: 1,000 jobs from 411/1 to 411/1000\nnot retried: 1,000 jobs from 411/1001 to 411/2000; 411/2001\n",
		},
		{
			line: "retry 411 412 411/28 --yes", method: "RetryJobs", number: 3, answers: 2,
			told: "retried: 411/28; 411 night run 411\nnot retried: 412 kids back catalogue\n",
		},
		{
			line: "cancel 411 412 --state waiting --yes", method: "CancelJobs", number: 2, answers: 1,
			told: "cancelled: 411 night run 411\nnot cancelled: 412 kids back catalogue\n",
		},
		{
			line: "cancel 411/17 411 412 --yes", method: "CancelBatches", number: 1, answers: 1,
			told: "cancelled: 411/17\nnot cancelled: 411 night run 411; 412 kids back catalogue\n",
		},
		{
			line: "close 417 411 412", method: "CloseBatch", number: 2, answers: 1,
			told: "417 trailers Q1: closed, with 40,000 jobs\nnot closed: 411 night run 411; 412 kids back catalogue\n",
		},
		{
			line: "update 411 412 416 --set-label a=b", method: "UpdateBatch", number: 2, answers: 1,
			told: "411 night run 411: label a=b\nnot changed: 412 kids back catalogue; 416 news 2026-11-29\n",
		},
		{
			line: "close 417 411", method: "CloseBatch", number: 1,
			told: "not closed: 417 trailers Q1; 411 night run 411\n",
		},
		{
			line: "token revoke a b c", method: "RevokeToken", number: 2, answers: 1,
			told: "Token a of token: is revoked.\nnot revoked: b; c\n",
		},
		{line: "close 417", method: "CloseBatch", number: 1}, // nothing else was asked for
		{line: "cancel 411 --yes", method: "CancelBatch", number: 1},
	} {
		address := func() string { return serve(t, newTable(), failAt(tt.method, tt.number)) }
		got := command{stdin: tt.stdin}.run(t.Context(), append(words(tt.line), "--server", address())...)
		if want := tt.told + "stoker: it went wrong\n"; got.stderr != want || got.stdout != "" || got.code != exitUsage {
			t.Errorf("%s: exit code %d, %q, and says\n%s\nwant\n%s", tt.line, got.code, got.stdout, got.stderr, want)
		}
		got = command{stdin: tt.stdin}.run(t.Context(), append(words(tt.line), "-o", "json", "--server", address())...)
		if n, err := countDocuments(got.stdout); err != nil || n != tt.answers || got.code != exitUsage {
			t.Errorf("%s: exit code %d, %d answers, %v; want %d:\n%s", tt.line, got.code, n, err, tt.answers, got.stdout)
		}
	}
}

// Of a call without an answer nobody knows.
func TestVerbsThatGetNoAnswerPartway(t *testing.T) {
	var told strings.Builder
	left := make([]string, maxListed+3)
	for i := range left {
		left[i] = fmt.Sprint(i)
	}
	c := &cli{stderr: &told}
	noteLeft(c, "retried", left, fmt.Errorf("retry: %w", &client.LostAnswerError{Err: errors.New("cut off")}))
	if want := "perhaps retried: 0\nnot retried: 1; 2; 3; 4; 5; 6; 7; 8; 9; 10; and 2 more\n"; told.String() != want {
		t.Errorf("it says %q, want %q", told.String(), want)
	}
}

// countDocuments counts the objects of a text of JSON.
func countDocuments(text string) (n int, err error) {
	for decoder := json.NewDecoder(strings.NewReader(text)); ; n++ {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// A verb prints the answer to each of its calls for programs, in YAML as documents of one stream.
func TestVerbsPrintEveryAnswer(t *testing.T) {
	table := newTable()
	address := table.start(t)
	for _, line := range []string{"close 417 411", "update 411 412 --priority 9", "cancel 411/17 411 --yes", "retry 411 412 --yes", "token revoke a b"} {
		got := command{}.run(t.Context(), append(words(line), "-o", "json", "--server", address)...)
		if n, err := countDocuments(got.stdout); err != nil || n != 2 || got.code != exitOK {
			t.Errorf("%s: exit code %d, %d answers, %v:\n%s%s", line, got.code, n, err, got.stdout, got.stderr)
		}
		got = command{}.run(t.Context(), append(words(line), "-o", "yaml", "--server", address)...)
		if parts := strings.Split(got.stdout, "\n---\n"); len(parts) != 2 || got.code != exitOK {
			t.Errorf("%s: exit code %d, %d documents:\n%s", line, got.code, len(parts), got.stdout)
		}
	}
	if len(table.asked) == 0 {
		t.Error("nothing was asked")
	}
}
