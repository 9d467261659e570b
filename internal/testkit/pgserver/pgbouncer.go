package pgserver

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/internal/testkit/loopback"
)

// Pooled is the URL of a database on the server through PgBouncer in transaction mode, which ends with the test.
// Without PgBouncer the test is skipped, except in CI.
func (h *Host) Pooled(t testing.TB, database string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		missing(t, fmt.Errorf("PgBouncer is not installed (apt-get install pgbouncer): %w", err))
	}
	host, port, err := net.SplitHostPort(h.Address)
	if err != nil {
		t.Fatal(err)
	}
	address := loopback.Addresses(t, 1)[0]
	_, own, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(h.cluster.dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
pool_mode = transaction
default_pool_size = 20
`, host, port, own)
	text = text[:len(text)-1] + "\nauth_file = " + config + ".users\n"
	for name, content := range map[string]string{config: text, config + ".users": `"postgres" ""`} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil { //nolint:gosec // another account reads it
			t.Fatal(err)
		}
	}
	pooler := exec.CommandContext(context.Background(), program, "-q", config)
	pooler.SysProcAttr, pooler.Dir = h.cluster.account, h.cluster.dir
	if err := pooler.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pooler.Process.Kill() // it may have ended
		_ = pooler.Wait()         // it was killed
	})
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: address, Path: "/" + database}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); ; <-again.C {
		conn, err := pgx.Connect(t.Context(), u.String()+"?default_query_exec_mode=exec")
		if err == nil {
			_ = conn.Close(t.Context())
			return u.String()
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("PgBouncer takes no connections: %v", err)
		}
	}
}
