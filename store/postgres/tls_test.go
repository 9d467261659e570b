package postgres

import (
	"testing"

	"github.com/stokerd/stoker/internal/testkit/certs"
)

// A database on another machine that nobody has asked for a certificate can be anybody, in plain text.
func TestUnverifiedHost(t *testing.T) {
	t.Parallel()
	ca := "&sslrootcert=" + certs.NewCA(t, "database").File
	for url, want := range map[string]string{
		"postgres://u@db.example/d":                                                     "db.example",
		"postgres://u@db.example/d?sslmode=disable":                                     "db.example",
		"postgres://u@db.example/d?sslmode=prefer":                                      "db.example",
		"postgres://u@db.example/d?sslmode=require":                                     "db.example",
		"postgres://u@192.0.2.1/d?sslmode=require":                                      "192.0.2.1",
		"postgres://u@localhost,db.example/d?sslmode=prefer":                            "db.example",
		"postgres://u@db.example/d?sslmode=verify-full":                                 "",
		"postgres://u@db.example/d?sslmode=verify-full" + ca:                            "",
		"postgres://u@db.example/d?sslmode=verify-ca" + ca:                              "",
		"postgres://u@a.example,b.example/d?sslmode=verify-full":                        "",
		"postgres://u@localhost/d":                                                      "",
		"postgres://u@127.0.0.1/d":                                                      "",
		"postgres://u@[::1]/d":                                                          "",
		"postgres://u@/d?host=/run/postgresql":                                          "",
		"postgres://u@db.example/d?sslmode=verify-full&target_session_attrs=read-write": "",
	} {
		config, err := parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := unverifiedHost(config.ConnConfig); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

// A password with characters that end a host looks like a port with a path, which messages would show.
func TestBrokenPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://stoker:12/34@db.example/stoker", "postgres://stoker:12?34@db.example/stoker", "postgres://stoker:12?34@db.example/stoker?sslmode=disable",
		"postgres://stoker:12#34@db.example/stoker",
	} {
		if name := Name(url); name != "postgres://..." {
			t.Errorf("%s is shown as %s", url, name)
		}
		if _, err := parse(url); err == nil {
			t.Errorf("%s is taken", url)
		}
	}
	for _, url := range []string{"postgres://db.example/d?user=a@b", "postgres://u%40s:p%40@db.example/d"} {
		if _, err := parse(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
