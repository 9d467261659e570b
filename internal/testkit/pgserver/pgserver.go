// Package pgserver runs a PostgreSQL server for the tests of one program, with a database for each test.
package pgserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverVariable names a variable with the URL of another server to use, by a role that may create databases.
const serverVariable = "STOKER_TEST_POSTGRES"

// Empty makes an empty database, which is removed when the test ends, and returns its URL.
func Empty(t testing.TB) string {
	t.Helper()
	return newDatabase(t, "template0")
}

// Prepared makes a database that is a copy of one that prepare has prepared. On a server of its own a program
// prepares one, and copies that.
func Prepared(t testing.TB, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	server := start(t)
	if os.Getenv(serverVariable) != "" { // a database for copies would stay behind
		database := Empty(t)
		if err := prepare(t.Context(), database); err != nil {
			t.Fatalf("prepare a database: %v", err)
		}
		return database
	}
	template.once.Do(func() {
		template.name = databaseName()
		template.err = server.exec(t.Context(), `CREATE DATABASE `+template.name+` TEMPLATE template0`)
		if template.err == nil {
			template.err = prepare(t.Context(), server.database(template.name))
		}
	})
	if template.err != nil {
		t.Fatalf("prepare a database: %v", template.err)
	}
	return newDatabase(t, template.name)
}

var template struct {
	once sync.Once
	name string
	err  error
}

var databases atomic.Int64

// databaseName is the name of the next database, which another program that uses the same server does not have.
func databaseName() string { return fmt.Sprintf("stoker_test_%d_%d", os.Getpid(), databases.Add(1)) }

func newDatabase(t testing.TB, template string) string {
	t.Helper()
	server, name := start(t), databaseName()
	if err := server.exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE `+template); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := server.exec(context.WithoutCancel(t.Context()), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the database of the test: %v", err)
		}
	})
	return server.database(name)
}

// Exec runs a statement in a database, as the owner of the server.
func Exec(t testing.TB, database, statement string) {
	t.Helper()
	if err := execute(context.WithoutCancel(t.Context()), database, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func execute(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// Server is a PostgreSQL server.
type Server struct {
	url   *url.URL
	alive io.Closer // ends the server when it is closed, or collected as garbage
}

// Start starts a server that the test has to itself, with settings such as fsync=on. It flushes commits to the disk
// unless a setting says otherwise.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		missing(t, err)
	}
	s, err := run(programs, settings...)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() { _ = s.alive.Close() })
	return s
}

// missing skips a test without PostgreSQL, unless the variable CI says that everything is to be tested.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// URL is the URL of a new database on the server.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	name := databaseName()
	if err := s.exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	return s.database(name)
}

func (s *Server) exec(ctx context.Context, statement string) error {
	return execute(ctx, s.url.String(), statement)
}

// database is the URL of a database on the server.
func (s *Server) database(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// start starts the server that all tests of the program share.
func start(t testing.TB) *Server {
	t.Helper()
	if named := os.Getenv(serverVariable); named != "" {
		u, err := url.Parse(named)
		if err != nil {
			t.Fatalf("%s: want a URL", serverVariable)
		}
		return &Server{url: u}
	}
	programs, err := findPrograms()
	if err != nil {
		missing(t, err)
	}
	shared.once.Do(func() { shared.server, shared.err = run(programs, "fsync=off") })
	if shared.err != nil {
		t.Fatalf("start PostgreSQL: %v", shared.err)
	}
	return shared.server
}

// findPrograms returns the directory of PostgreSQL's programs, the latest version of them.
func findPrograms() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // of Debian; the pattern is right
	slices.SortFunc(dirs, func(a, b string) int { return versionOf(b) - versionOf(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL is not installed: install it (apt-get install postgresql), or name a server with %s", serverVariable)
}

func versionOf(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // 0 for a directory of another kind
	return n
}

// stopWithParent runs the server until its own input ends, which it does with the program that started it, however
// that ends. Then it stops the server, without ceremony, and removes its files.
const stopWithParent = `dir=$1; shift; "$@" & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$dir"`

// run makes a cluster and starts its server, which listens on a socket in its own directory and on no port.
func run(programs string, options ...string) (*Server, error) {
	c, err := newCluster(programs)
	if err != nil {
		return nil, err
	}
	alive, err := c.start(stopWithParent, append([]string{"listen_addresses="}, options...)...)
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return &Server{u, alive}, nil
}

// cluster is the files of a server.
type cluster struct {
	programs string
	dir      string // has the data and the socket
	account  *syscall.SysProcAttr
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// command is a program of PostgreSQL, by the account of the server.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(c.programs, name), args...)
	cmd.SysProcAttr, cmd.Dir = c.account, c.dir
	return cmd
}

// newDir makes the directory of a cluster.
func newDir(programs string) (*cluster, error) {
	dir, err := os.MkdirTemp("", "pg-") // short: the name of a socket has a limit
	if err != nil {
		return nil, err
	}
	account, err := unprivileged(dir)
	return &cluster{programs, dir, account}, err
}

// newCluster makes an empty cluster.
func newCluster(programs string) (*cluster, error) {
	c, err := newDir(programs)
	if err != nil {
		return nil, err
	}
	initdb := c.command("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c, askForPasswords(c.data())
}

// start starts the server of a cluster by a script such as [stopWithParent], with settings such as fsync=off, and
// returns when it takes connections. Closing what it returns ends the server.
func (c *cluster) start(script string, settings ...string) (io.Closer, error) {
	args := []string{"-c", script, "sh", c.dir, filepath.Join(c.programs, "postgres"), "-D", c.data()}
	for _, s := range append([]string{"unix_socket_directories=" + c.dir, "max_connections=200", "autovacuum_naptime=10s"}, settings...) {
		args = append(args, "-c", s)
	}
	server := exec.CommandContext(context.Background(), "sh", args...)
	server.SysProcAttr, server.Dir = c.account, c.dir
	alive, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	log, err := server.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	if err := awaitReady(log); err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	return alive, nil
}

// PasswordRole is a role that has to give a password, once a test has made it. All other roles are believed.
const PasswordRole = "asked_for_password"

func askForPasswords(data string) error {
	name := filepath.Join(data, "pg_hba.conf")
	rules, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte("local all "+PasswordRole+" scram-sha-256\n"), rules...), 0o600)
}

// awaitReady reads the log until the server takes connections. It has the rest of the log be read, and thrown away.
func awaitReady(log io.Reader) error {
	var all strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		if strings.Contains(lines.Text(), "FATAL:") && !strings.Contains(lines.Text(), "the database system is") {
			break // the end of the server; that a client came too early is not
		}
		if strings.Contains(lines.Text(), "ready to accept ") { // connections, or those of a standby
			go func() { _, _ = io.Copy(io.Discard, log) }() // until the server ends
			return nil
		}
	}
	return fmt.Errorf("the server did not start:\n%s", all.String())
}

// await returns when a query of one boolean answers true.
func await(ctx context.Context, database, query string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing was changed
	for again := time.NewTicker(5 * time.Millisecond); ; <-again.C {
		var is bool
		if err := conn.QueryRow(ctx, query).Scan(&is); is || err != nil {
			return err
		}
	}
}
