package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/golden"
)

// newHome is the environment of a user without any contexts.
func newHome(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"HOME": t.TempDir()}
}

func mustRun(t *testing.T, c command, args string) result {
	t.Helper()
	got := c.run(t.Context(), strings.Fields(args)...)
	if got.code != exitOK {
		t.Fatalf("stoker %s: exit code %d: %s", args, got.code, got.stderr)
	}
	return got
}

func TestContextDialogue(t *testing.T) {
	home := newHome(t)
	token := filepath.Join(home["HOME"], "token")
	if err := os.WriteFile(token, []byte("stk_x"), 0o600); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, args := range []string{
		"context list",
		"context add lab --server 127.0.0.1:7999",
		"context add prod --server stoker.example.com:7070 --insecure --token-file " + token + " --use",
		"context list",
		"context add lab --server 127.0.0.1:7998",
		"context add lab --server 127.0.0.1:7998 --replace",
		"context use pord",
		"context use lab",
		"context list",
		"context rm lab",
		"context rm lab",
		"context list",
		"context",
		"context add --help",
	} {
		got := command{env: home}.run(t.Context(), strings.Fields(args)...)
		told.WriteString("$ stoker " + args + "\n" + got.stdout + section("stderr", got.stderr))
	}
	golden.Check(t, "context", strings.ReplaceAll(told.String(), home["HOME"], "~"))
}

func TestWhichServer(t *testing.T) {
	f := &fake{}
	live := f.start(t)
	const dead = "127.0.0.1:1"
	for _, tt := range []struct {
		name    string
		args    string
		current bool // the current context is the live server
		env     map[string]string
		code    int
	}{
		{name: "flag over all", args: "batches --server " + live, env: map[string]string{"STOKER_SERVER": dead, "STOKER_CONTEXT": "dead"}},
		{name: "context over environment", args: "batches --context live", env: map[string]string{"STOKER_SERVER": dead, "STOKER_CONTEXT": "dead"}},
		{name: "before the command", args: "--context live batches", env: map[string]string{"STOKER_SERVER": dead}},
		{name: "environment", args: "batches", env: map[string]string{"STOKER_SERVER": live}},
		{name: "context of the environment", args: "batches", env: map[string]string{"STOKER_CONTEXT": "live"}},
		{name: "current context", args: "batches", current: true},
		{name: "environment over current context", args: "batches", current: true, env: map[string]string{"STOKER_SERVER": dead}, code: exitUnreachable},
		{name: "two in the environment", args: "batches", env: map[string]string{"STOKER_SERVER": live, "STOKER_CONTEXT": "live"}, code: exitUsage},
		{name: "two flags", args: "batches --server x --context live", code: exitUsage},
		{name: "unknown", args: "batches --context nothing", code: exitUsage},
		{name: "no home", args: "batches --context live", env: map[string]string{"HOME": ""}, code: exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := command{env: newHome(t)}
			mustRun(t, c, "context add dead --server "+dead)
			mustRun(t, c, "context add live --server "+live)
			if tt.current {
				mustRun(t, c, "context use live")
			}
			maps.Copy(c.env, tt.env)
			if got := c.run(t.Context(), strings.Fields(tt.args)...); got.code != tt.code {
				t.Errorf("exit code %d, want %d: %s", got.code, tt.code, got.stderr)
			}
		})
	}
}

func TestContextsThatOthersMayRead(t *testing.T) {
	f := &fake{}
	c := command{env: newHome(t)}
	mustRun(t, c, "context add live --use --server "+f.start(t))
	path := filepath.Join(c.env["HOME"], ".config/stoker/contexts.yaml")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	got := mustRun(t, c, "batches")
	if want := path + ": other users may read or change this file\n  chmod 600 " + path + "\n"; got.stderr != want {
		t.Errorf("stderr is %q, want %q", got.stderr, want)
	}
}

func TestContextMistakes(t *testing.T) {
	c := command{env: newHome(t)}
	for args, want := range map[string]string{
		"context add prod":                                         "name the server with --server HOST:PORT",
		"context add prod --server x":                              "--server x: want host:port",
		"context add prod --server a:1 --insecure --tls-ca x":      "--insecure leaves out encryption",
		"context add --server 127.0.0.1:1":                         "want one argument",
		"context add -x --server 127.0.0.1:1":                      "there is no flag -x",
		"context add a/b --server 127.0.0.1:1":                     `"a/b" cannot be the name of a context`,
		"context add a --server 127.0.0.1:1 --token-file /nothing": "--token-file: open /nothing: no such file",
		"context add a --server 127.0.0.1:1 --tls-cert /etc/hosts": "tls-cert tls-key",
		"context list now":                                         "takes no arguments",
	} {
		if got := c.run(t.Context(), strings.Fields(args)...); got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit code %d, %q; want %q", args, got.code, got.stderr, want)
		}
	}
}
