package browser

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/access"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// guarded is a service that asks for tokens, as web/test needs to know it.
type guarded struct {
	URL      string `json:"url"`
	Viewer   string `json:"viewer"` // the token of one
	Operator string `json:"operator"`
	Batch    int64  `json:"batch"` // its number
}

// startGuarded starts a service that asks for tokens, with a batch, until the test ends. env is that of a service.
func startGuarded(ctx context.Context, t *testing.T, env map[string]string) (g guarded, err error) {
	dir := t.TempDir()
	file, db := filepath.Join(dir, "stoker.yaml"), filepath.Join(dir, "stoker.db")
	if err := os.WriteFile(file, []byte("auth: required\n"), 0o600); err != nil {
		return g, err
	}
	if g.Viewer, g.Operator, err = makeTokens(ctx, db); err != nil {
		return g, err
	}
	cfg, err := config.Load(config.Sources{
		File: file, Getenv: func(name string) string { return env[name] },
		Flags: map[string]string{"listen": "127.0.0.1:0", "http-listen": "", "admin-listen": "", "web-listen": "127.0.0.1:0", "db": db},
	})
	if err != nil {
		return g, err
	}
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s, err := service.New(serving, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		stop(err)
		return g, err
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(serving) }()
	t.Cleanup(func() {
		stop(errors.New("the test has ended"))
		if err := <-done; err != nil {
			t.Errorf("the service that asks for tokens ended with %v", err)
		}
	})
	conn, err := client.Dial(s.Address("--listen"), client.Options{Token: func() (string, error) { return g.Operator, nil }})
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	batch, err := conn.Submit(ctx, &stokerv1.SubmitBatchRequest{DisplayName: "of the login", Jobs: []*stokerv1.JobSpec{{InputPath: "long/login.mov"}}})
	g.URL, g.Batch = s.WebAddress(), batch.GetNumber()
	return g, err
}

// makeTokens makes the tokens of a viewer and of an operator in a new job table.
func makeTokens(ctx context.Context, db string) (viewer, operator string, err error) {
	table, err := sqlite.Open(ctx, db, store.Options{})
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	secrets := map[access.Role]string{}
	for _, role := range []access.Role{access.Viewer, access.Operator} {
		token, secret, err := access.NewToken(role.String(), role, nil, 0, "test", time.Now())
		if err != nil {
			return "", "", err
		}
		if err := store.NewAccessTable(table).CreateToken(ctx, token); err != nil {
			return "", "", err
		}
		secrets[role] = secret
	}
	return secrets[access.Viewer], secrets[access.Operator], nil
}
