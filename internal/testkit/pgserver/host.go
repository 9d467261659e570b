package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/internal/testkit/loopback"
)

// Host is a server that listens on a port of this machine, and that a test starts, kills and promotes. The server
// ends with the test.
type Host struct {
	Address string // 127.0.0.1:PORT

	cluster  *cluster
	settings []string

	mu    sync.Mutex
	alive io.Closer // nil while the server does not run
}

// StartHost starts a server with an empty cluster, with settings such as fsync=on. Commits are flushed to the disk
// unless a setting says otherwise.
func StartHost(t testing.TB, settings ...string) *Host {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		missing(t, err)
	}
	c, err := newCluster(programs)
	if err != nil {
		t.Fatalf("make a cluster: %v", err)
	}
	h := newHost(t, c, settings)
	h.Start(t)
	return h
}

func newHost(t testing.TB, c *cluster, settings []string) *Host {
	t.Helper()
	h := &Host{Address: loopback.Addresses(t, 1)[0], cluster: c, settings: settings}
	t.Cleanup(func() {
		h.Kill(t)
		_ = os.RemoveAll(c.dir) // what a process that is ending still writes stays behind
	})
	return h
}

// stopWithInput runs a server until its input ends.
const stopWithInput = `shift; "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`

// Start starts the server, once more after [Host.Kill] or [Host.Stop].
func (h *Host) Start(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	_, port, err := net.SplitHostPort(h.Address)
	if err != nil {
		t.Fatal(err)
	}
	settings := append([]string{"listen_addresses=127.0.0.1", "port=" + port}, h.settings...)
	// Processes of a server that was killed may still be ending, and keep the next one from starting.
	for began := time.Now(); ; {
		h.alive, err = h.cluster.start(stopWithInput, settings...)
		if err == nil {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("start the server at %s: %v", h.Address, err)
		}
	}
}

// Kill kills the server as by kill -9, and returns when none of its processes is left.
func (h *Host) Kill(t testing.TB) { h.end(t, syscall.SIGKILL) }

// Stop stops the server: sessions are ended, and what was written is on the disk.
func (h *Host) Stop(t testing.TB) { h.end(t, syscall.SIGINT) }

// end sends a signal to the server. Without one that runs it does nothing.
func (h *Host) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alive == nil {
		return
	}
	pid, err := h.pid()
	if err != nil {
		t.Errorf("find the server at %s: %v", h.Address, err)
		return
	}
	children := childrenOf(pid)
	_ = syscall.Kill(pid, signal) // it may be gone
	for _, process := range append(children, pid) {
		if signal == syscall.SIGKILL {
			_ = syscall.Kill(process, signal)
		}
		again := time.NewTicker(time.Millisecond)
		for syscall.Kill(process, 0) == nil && !isZombie(process) {
			<-again.C
		}
		again.Stop()
	}
	_ = h.alive.Close()
	h.alive = nil
}

// pid is the process of the server.
func (h *Host) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(h.cluster.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// processState is the parent of a process, and the letter of its state.
func processState(pid int) (parent int, state string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}

func isZombie(pid int) bool {
	_, state := processState(pid)
	return state == "Z"
}

// childrenOf are the processes that a process has started.
func childrenOf(pid int) (children []int) {
	names, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, name := range names {
		child, _ := strconv.Atoi(filepath.Base(name))
		if parent, _ := processState(child); parent == pid {
			children = append(children, child)
		}
	}
	return children
}

// URL is the URL of a database on the server, by the role postgres.
func (h *Host) URL(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Host: h.Address, Path: "/" + database}).String()
}

// NewDatabase makes an empty database on the server, and returns its name.
func (h *Host) NewDatabase(t testing.TB) string {
	t.Helper()
	name := databaseName()
	h.Exec(t, `CREATE DATABASE `+name+` TEMPLATE template0`)
	return name
}

// Exec runs a statement on the server.
func (h *Host) Exec(t testing.TB, statement string) {
	t.Helper()
	Exec(t, h.URL("postgres"), statement)
}

// Standby makes a standby of the server, by the name that synchronous_standby_names has for it, and returns when it
// has caught up. It follows the server at the address from, which is its own or that of a relay before it.
func (h *Host) Standby(t testing.TB, name, from string) *Host {
	t.Helper()
	c, err := newDir(h.cluster.programs)
	if err != nil {
		t.Fatal(err)
	}
	s := newHost(t, c, h.settings)
	host, port, err := net.SplitHostPort(from)
	if err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf("host=%s port=%s user=postgres application_name=%s", host, port, name)
	backup := c.command("pg_basebackup", "-d", source, "-D", c.data(), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	s.Start(t)
	h.Await(t, `SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '`+name+`' AND state = 'streaming'`)
	return s
}

// RequireStandby has the server wait for a standby before it confirms a commit, and returns when the standby is
// there. Without a name it waits for none.
func (h *Host) RequireStandby(t testing.TB, name string) {
	t.Helper()
	h.Exec(t, `ALTER SYSTEM SET synchronous_standby_names = '`+name+`'`)
	h.Exec(t, `SELECT pg_reload_conf()`)
	if name != "" {
		h.Await(t, `SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '`+name+`' AND sync_state = 'sync'`)
	}
}

// Promote has a standby become a primary, and returns when it takes writes.
func (h *Host) Promote(t testing.TB) {
	t.Helper()
	h.Exec(t, `SELECT pg_promote(true, 60)`)
}

// Await returns when a query of one boolean answers true.
func (h *Host) Await(t testing.TB, query string) {
	t.Helper()
	Await(t, h.URL("postgres"), query)
}

// Await returns when a query of one boolean answers true in a database.
func Await(t testing.TB, database, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Minute, errors.New("it takes too long"))
	defer cancel()
	if err := await(ctx, database, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// Read runs a query for one text; empty if there is no row or no server.
func Read(ctx context.Context, database, query string) (text string) {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close(ctx) }() // nothing was changed
	_ = conn.QueryRow(ctx, query).Scan(&text)
	return text
}
