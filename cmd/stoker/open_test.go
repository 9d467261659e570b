package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// The address of a batch's page is told by the commands, and leads to the page.
func TestOpen(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	submitted := command{width: 100, stdin: "input_path\na.mov\n"}.run(t.Context(), "submit", "-", "--server", s.grpc)
	if submitted.code != exitOK {
		t.Fatal(submitted.stderr)
	}
	const batch = "@last"                                                   // on a terminal, submit prints no number for a program
	opened := command{}.run(t.Context(), "open", batch, "--server", s.grpc) // no screen: it is only printed
	address := strings.TrimSpace(opened.stdout)
	if opened.code != exitOK || !strings.HasSuffix(address, "/#/batches/1") {
		t.Fatalf("open: exit code %d, %q, %s", opened.code, opened.stdout, opened.stderr)
	}
	for name, got := range map[string]string{
		"submit": submitted.stderr, "batch": command{}.run(t.Context(), "batch", batch, "--server", s.grpc).stdout,
	} {
		if !strings.Contains(got, address+"\n") && !strings.Contains(got, address+" ") {
			t.Errorf("%s does not tell the address %s:\n%s", name, address, got)
		}
	}
	if got := (command{}).run(t.Context(), "open", batch+"/1", "--server", s.grpc); got.stdout != address+"/jobs/1\n" {
		t.Errorf("open of a job: %q %s", got.stdout, got.stderr)
	}
	if got := (command{}).run(t.Context(), "open", batch+"/2", "--server", s.grpc); got.code == exitOK || got.stdout != "" {
		t.Errorf("open of a job that does not exist: exit code %d, %q", got.code, got.stdout)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing is read from it
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s", address, response.Status)
	}
}

// Batches are followed until the user interrupts it, in a pipe as one line for each change.
func TestBatchesWatch(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	for _, args := range [][]string{nil, {"-o", "jsonl"}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		stdout, to := io.Pipe()
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, append([]string{"batches", "--watch", "--label", "team=vod", "--server", s.grpc}, args...),
				func(string) string { return "" }, strings.NewReader(""), to, io.Discard)
			_ = to.Close() // a pipe writer's Close never fails
		}()
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		name := "run-" + strings.Join(append(args, "tabs"), "")
		if args != nil && !lines.Scan() { // the snapshot
			t.Fatal("no snapshot")
		}
		for _, label := range []string{"team=news", "team=vod"} {
			mustRun(t, command{stdin: "input_path\na.mov\n"}, "submit - --name "+name+" --label "+label+" --server "+s.grpc)
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), name) || strings.Contains(lines.Text(), "news") {
			t.Errorf("%v: the line is %q, want the batch of vod", args, lines.Text())
		}
		cancel(&interrupted{signal: syscall.SIGINT})
		go func() { _, _ = io.Copy(io.Discard, stdout) }()
		if got := <-code; got != exitInterrupted {
			t.Errorf("%v: exit code %d, want %d", args, got, exitInterrupted)
		}
	}
	if got := (command{}).run(t.Context(), "batches", "--watch", "--limit", "2000", "--server", s.grpc); got.code != exitUsage {
		t.Errorf("a limit that is too large: exit code %d, %s", got.code, got.stderr)
	}
}
