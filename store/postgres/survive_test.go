package postgres

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
)

// serviceRole is a role with the rights of a service, and no more.
const serviceRole = "stoker_service"

// asService is the URL of a database for [serviceRole], which does not own the tables.
func asService(t *testing.T, database string) string {
	t.Helper()
	pgserver.Exec(t, database, `CREATE ROLE `+serviceRole+` LOGIN`)
	pgserver.Exec(t, database, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `+serviceRole)
	t.Cleanup(func() {
		pgserver.Exec(t, database, terminate)
		pgserver.Exec(t, database, `DROP OWNED BY `+serviceRole)
		pgserver.Exec(t, database, `DROP ROLE `+serviceRole)
	})
	return as(t, database, url.UserPassword(serviceRole, "hunter2"))
}

// What is done to a database under a service makes its calls fail with an error that says what is wrong. When it is
// undone, the work goes on by itself, and nothing that was acknowledged is missing.
func TestSurvives(t *testing.T) {
	for _, tt := range []struct {
		name       string
		fault      []string // THIS stands for its name
		undo       []string
		want       error
		disconnect bool // the fault is met by new connections
	}{
		{"a table is renamed", []string{`ALTER TABLE jobs RENAME TO jobs_away`}, []string{`ALTER TABLE jobs_away RENAME TO jobs`}, ErrTables, false},
		{"a column is renamed", []string{`ALTER TABLE jobs RENAME COLUMN reason TO away`}, []string{`ALTER TABLE jobs RENAME COLUMN away TO reason`}, ErrTables, false},
		{"the schema is renamed", []string{`ALTER SCHEMA public RENAME TO away`}, []string{`ALTER SCHEMA away RENAME TO public`}, ErrTables, true},
		{"rights are revoked", []string{`REVOKE ALL ON jobs FROM ` + serviceRole}, []string{`GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO ` + serviceRole}, ErrRights, false},
		{"the role may not log in", []string{`ALTER ROLE ` + serviceRole + ` NOLOGIN`}, []string{`ALTER ROLE ` + serviceRole + ` LOGIN`}, ErrRefused, true},
		{"the role may have no connection", []string{`ALTER ROLE ` + serviceRole + ` CONNECTION LIMIT 0`}, []string{`ALTER ROLE ` + serviceRole + ` CONNECTION LIMIT -1`}, ErrConnections, true},
		{"the database takes no connections", []string{`ALTER DATABASE THIS CONNECTION LIMIT 0`}, []string{`ALTER DATABASE THIS CONNECTION LIMIT -1`}, ErrConnections, true},
		{"commits are not durable any more", []string{`ALTER ROLE ` + serviceRole + ` SET synchronous_commit = off`}, []string{`ALTER ROLE ` + serviceRole + ` RESET synchronous_commit`}, ErrNotDurable, true},
		{"it can only be read", []string{`ALTER ROLE ` + serviceRole + ` SET default_transaction_read_only = on`}, []string{`ALTER ROLE ` + serviceRole + ` RESET default_transaction_read_only`}, ErrReadOnly, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			database := migrated(t)
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			run := func(statements []string) {
				for _, s := range statements {
					pgserver.Exec(t, database, strings.ReplaceAll(s, "THIS", strings.TrimPrefix(u.Path, "/")))
				}
			}
			s := mustOpen(t, asService(t, database))
			b := submit(t, s, 3)
			run(tt.fault)
			if tt.disconnect {
				pgserver.Exec(t, database, terminate)
			}
			_, writeErr := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
			_, readErr := s.Job(t.Context(), job.ID{Batch: b.ID, Number: 1})
			for what, err := range map[string]error{"write": writeErr, "read": readErr} {
				if !errors.Is(err, job.ErrUnavailable) || !errors.Is(err, tt.want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: %v, want %v", what, err, tt.want)
				}
			}
			run(tt.undo)
			goesOn(t, s, b)
		})
	}
}

// goesOn checks that a store writes and reads again. Its next change is that of the second job of the batch, of which
// no other but those named is cancelled.
func goesOn(t *testing.T, s *table, b job.Batch, cancelled ...job.ID) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		_, err := s.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 2}, testTime, func(u *job.Update) error { return u.Cancel("", testTime) })
		if err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("it does not go on: %v", err)
		}
	}
	got, err := s.Batch(t.Context(), b.ID)
	if err != nil || got.Counts.Cancelled != int64(1+len(cancelled)) || got.Counts.Waiting != b.Counts.Waiting-1 {
		t.Errorf("batch %+v, %v", got.Counts, err)
	}
}

// A database whose disk is really full answers writes with an error that says so, answers reads, and takes writes
// again when there is room.
func TestDiskFull(t *testing.T) {
	if os.Getenv("STOKER_TEST_POSTGRES") != "" {
		t.Skip("the disk of another server is not filled")
	}
	pgserver.Empty(t) // skips the test where there is no PostgreSQL
	dir := newDisk(t, "40m")
	server := pgserver.Start(t)
	database := server.URL(t)
	pgserver.Exec(t, database, `CREATE TABLESPACE small LOCATION '`+dir+`'`)
	configured(t, database, `SET default_tablespace = 'small'`)
	if _, _, err := Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, database)
	b := submit(t, s, 100)
	pgserver.Exec(t, database, `CREATE TABLE filler (content text)`)
	pgserver.Exec(t, database, `ALTER TABLE filler ALTER content SET STORAGE EXTERNAL`)
	conn := connectTo(t, database)
	var err error
	for size := 1 << 20; size >= 1<<12; size /= 2 { // in ever smaller parts
		for err = nil; err == nil; {
			_, err = conn.Exec(t.Context(), `INSERT INTO filler VALUES (repeat('x', $1))`, size)
		}
		if !isCode(err, codeDiskFull) {
			t.Fatalf("filling the disk: %v", err)
		}
	}
	_, _, err = s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: titles(2000)}, testTime)
	if !errors.Is(err, job.ErrFull) || errors.Is(err, job.ErrUnavailable) {
		t.Errorf("submit: %v, want %v", err, job.ErrFull)
	}
	if got, err := s.Batch(t.Context(), b.ID); err != nil || got.Counts.Waiting != 100 {
		t.Errorf("the batch cannot be read: %v", err)
	}
	if n, err := s.CountBatches(t.Context(), job.BatchFilter{}); n != 1 || err != nil {
		t.Errorf("%d batches, %v", n, err)
	}
	pgserver.Exec(t, database, `DROP TABLE filler`)
	goesOn(t, s, b)
	if _, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: titles(2000)}, testTime); err != nil {
		t.Errorf("submit with room: %v", err)
	}
}

// titles are n jobs with long texts.
func titles(n int) []job.Spec {
	list := make([]job.Spec, n)
	for i := range list {
		list[i] = job.Spec{Key: strconv.Itoa(i), InputPath: strings.Repeat("in/", 100) + strconv.Itoa(i), OutputPath: "out/" + strconv.Itoa(i)}
	}
	return list
}

// newDisk makes a small disk that the server may write to, which takes root and Linux. Without them the test is
// skipped, except in CI.
func newDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	options := "size=" + size + ",mode=0700"
	if account, err := user.Lookup("postgres"); err == nil && os.Geteuid() == 0 {
		options += ",uid=" + account.Uid + ",gid=" + account.Gid
	}
	if err := os.Chmod(strings.TrimSuffix(dir, "/001"), 0o755); err != nil { // the server runs by another account
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a disk: %v: %s", err, out)
		}
		t.Skipf("cannot mount a disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return dir
}
