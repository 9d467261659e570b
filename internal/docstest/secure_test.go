package docstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/certs"
	"github.com/stokerd/stoker/internal/testkit/grpcurl"
)

// newSecureSession is the session of the cookbook with TLS, where everybody has to prove who calls. The commands of
// the page need no other flags: stoker has a context, and grpcurl and curl the flags that they need.
func newSecureSession(t *testing.T) *session {
	t.Helper()
	return startSession(t, false, func(s *session, stoker string) {
		ca := certs.NewCA(t, "cookbook")
		pair := ca.Server(t)
		run := func(args ...string) []byte {
			cmd := exec.CommandContext(t.Context(), stoker, args...)
			cmd.Dir, cmd.Env = s.dir, s.env
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("stoker %q: %v", args, err)
			}
			return out
		}
		token := filepath.Join(s.dir, ".token")
		write(t, token, 0o600, string(run("token", "create", "cookbook", "--role", "admin", "--db", "service.db")))
		server := s.address["127.0.0.1:7070"]
		run("context", "add", "secure", "--server", server, "--tls-ca", ca.File, "--token-file", token, "--use")
		tool := filepath.Join(s.dir, "bin", "grpcurl")
		if err := os.Remove(tool); err != nil { // the link
			t.Fatal(err)
		}
		write(t, tool, 0o700, fmt.Sprintf(`#!/bin/sh
[ "$1" = -plaintext ] && shift
exec '%s' -cacert '%s' -H "authorization: Bearer $(cat '%s')" "$@"
`, grpcurl.Path(t), ca.File, token))
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(s.dir, "bin", "curl"), 0o700, fmt.Sprintf(`#!/bin/bash
exec '%s' --cacert '%s' -H "authorization: Bearer $(cat '%s')" "${@/#http:/https:}"
`, curl, ca.File, token))
		s.env = append(s.env, "STOKER_SERVER=", "STOKER_AUTH=required", "STOKER_TLS_CERT_FILE="+pair.Cert, "STOKER_TLS_KEY_FILE="+pair.Key)
		s.says = map[string]string{"token:cookbook": "local", "https://127.0.0.1:7072": "http://127.0.0.1:7072", "PRINCIPAL_KIND_TOKEN": "PRINCIPAL_KIND_LOCAL"}
	})
}

func write(t *testing.T, path string, mode os.FileMode, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
