package housekeeping_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/internal/testkit/lockedbuffer"
	"github.com/stokerd/stoker/store"
)

// suffix ends the name of a copy that is not complete, and companion that of the file beside a copy.
const suffix, companion = ".partial", ".key"

// world is a housekeeper of an empty job table in a bubble, with a directory for backups.
type world struct {
	t      *testing.T
	dir    string
	free   int64      // of the disk of backups
	fail   error      // of the next copies
	copies int        // that were begun
	keys   bool       // a copy has a companion
	mu     sync.Mutex // guards what the housekeeper reads and writes, which is the above
	log    lockedbuffer.Buffer
	*housekeeping.Housekeeper
}

// run calls f while a housekeeper works that makes a backup every six hours, and keeps three.
func run(t *testing.T, prepare func(w *world), f func(w *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		w := &world{t: t, dir: t.TempDir(), free: 1 << 40}
		if prepare != nil {
			prepare(w)
		}
		w.Housekeeper = housekeeping.New(housekeeping.Config{
			Keeper: store.NewKeeper(table), Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
			Backups: housekeeping.Plan{
				Every: 6 * time.Hour, Keep: 3, Dir: w.dir, Instance: "abc", Copy: w.copy, PartialSuffix: suffix,
				CompanionSuffix: companion, Room: w.room,
			},
		})
		ctx, stop := context.WithCancelCause(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- w.Run(ctx) }()
		synctest.Wait()
		f(w)
		stop(errors.New("the test is over"))
		if err := errors.Join(<-stopped, table.Close()); err != nil {
			t.Error(err)
		}
	})
}

// copy makes a backup that takes a minute.
func (w *world) copy(_ context.Context, to string) error {
	w.change(func() { w.copies++ })
	if w.keys {
		if err := os.WriteFile(to+companion, []byte("key"), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(to+suffix, []byte("rows"), 0o600); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	w.mu.Lock()
	fail := w.fail
	w.mu.Unlock()
	if fail != nil {
		return errors.Join(fail, os.Remove(to+suffix))
	}
	return os.Rename(to+suffix, to)
}

func (w *world) room(string) (free, total int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free, 1 << 40, nil
}

// said is what was logged.
func (w *world) said() string { return w.log.String() }

// begun is how many copies were begun.
func (w *world) begun() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.copies
}

// change calls f, which changes what the housekeeper reads.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// sleep lets time pass.
func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// names are the files in the directory of backups.
func (w *world) names() []string {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func (w *world) same(what string, got, want any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A bubble's time begins with the year 2000.
func TestBackupsAreScheduled(t *testing.T) {
	run(t, nil, func(w *world) {
		w.sleep(time.Minute)
		w.same("at once", w.names(), []string{"stoker-abc-20000101T000000Z.db"})
		w.sleep(6 * time.Hour)
		w.same("after six hours", w.names(), []string{"stoker-abc-20000101T000000Z.db", "stoker-abc-20000101T060000Z.db"})
		w.sleep(30 * time.Hour)
		w.same("the latest are kept", w.names(), []string{"stoker-abc-20000102T000000Z.db", "stoker-abc-20000102T060000Z.db", "stoker-abc-20000102T120000Z.db"})
		b := w.ReadState().Backups
		w.same("age", b.Age(time.Now()), time.Minute)
		w.same("size", b.Size, int64(4))
		w.same("failures", b.Failures, int64(0))
	})
}

func TestBackupsThatFail(t *testing.T) {
	run(t, func(w *world) { w.fail = errors.New("no space left on device") }, func(w *world) {
		w.sleep(time.Minute)
		w.same("left of a failure", w.names(), []string(nil))
		w.sleep(31 * time.Minute)
		w.same("tries", w.begun(), 3)
		b := w.ReadState().Backups
		w.same("failed", b.Failed, true)
		w.same("age without one", b.Age(time.Now()), 32*time.Minute)
		if !strings.Contains(w.said(), "level=ERROR") || !strings.Contains(w.said(), "no space left on device") {
			w.t.Errorf("the log does not say it: %s", w.said())
		}
		w.change(func() { w.fail = nil })
		w.sleep(11 * time.Minute)
		b = w.ReadState().Backups
		w.same("failed when there is room again", b.Failed, false)
		w.same("backups", len(w.names()), 1)

		// With too little room nothing is begun, and the backups there are stay.
		w.change(func() { w.free = 1 })
		copies := w.begun()
		w.sleep(7 * time.Hour)
		w.same("copies begun without room", w.begun(), copies)
		w.same("backups left", len(w.names()), 1)
		w.same("failed without room", w.ReadState().Backups.Failed, true)
		if !strings.Contains(w.said(), "too little room for a backup") {
			w.t.Errorf("the log does not say it: %s", w.said())
		}
	})
}

// The next process goes on with the schedule of the last, and leaves alone what is not its own.
func TestBackupsOfTheNextProcess(t *testing.T) {
	others := []string{"stoker-abc-20000101.db", "stoker-abc-20000101T000000Z.db-wal", "stoker-xyz-19990101T000000Z.db", "stoker.db"}
	run(t, func(w *world) {
		for _, name := range append(others, "stoker-abc-19991231T220000Z.db", "stoker-abc-19991231T200000Z.db.partial", "stoker-abc-19991231T190000Z.db.partial-journal") {
			if err := os.WriteFile(filepath.Join(w.dir, name), []byte("older"), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}, func(w *world) {
		w.same("age of the one before", w.ReadState().Backups.Age(time.Now()), 2*time.Hour)
		w.sleep(4*time.Hour - time.Second)
		w.same("begun before it is due", w.begun(), 0)
		w.sleep(time.Minute + time.Second)
		w.same("files", w.names(), []string{
			"stoker-abc-19991231T220000Z.db", "stoker-abc-20000101.db", "stoker-abc-20000101T000000Z.db-wal", "stoker-abc-20000101T040000Z.db",
			"stoker-xyz-19990101T000000Z.db", "stoker.db",
		})
		w.sleep(24 * time.Hour)
		for _, name := range others {
			if _, err := os.Stat(filepath.Join(w.dir, name)); err != nil {
				w.t.Errorf("a file that is not a backup of this table: %v", err)
			}
		}
	})
}

// What belongs to a backup goes with it, and what is left of an interrupted one with the next.
func TestCompanionsOfBackups(t *testing.T) {
	run(t, func(w *world) {
		w.keys = true
		for _, name := range []string{"stoker-abc-19991231T200000Z.db.key", "stoker-xyz-19991231T200000Z.db.key"} {
			if err := os.WriteFile(filepath.Join(w.dir, name), []byte("older"), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}, func(w *world) {
		w.sleep(time.Minute)
		w.same("at once", w.names(), []string{"stoker-abc-20000101T000000Z.db", "stoker-abc-20000101T000000Z.db.key", "stoker-xyz-19991231T200000Z.db.key"})
		w.sleep(24 * time.Hour)
		w.same("the latest are kept", w.names(), []string{
			"stoker-abc-20000101T120000Z.db", "stoker-abc-20000101T120000Z.db.key", "stoker-abc-20000101T180000Z.db", "stoker-abc-20000101T180000Z.db.key",
			"stoker-abc-20000102T000000Z.db", "stoker-abc-20000102T000000Z.db.key", "stoker-xyz-19991231T200000Z.db.key",
		})
	})
}

// A backup from the future, made when the clock was wrong, does not put off the next one for years.
func TestBackupFromTheFuture(t *testing.T) {
	run(t, func(w *world) {
		if err := os.WriteFile(filepath.Join(w.dir, "stoker-abc-20300101T000000Z.db"), nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}, func(w *world) {
		w.sleep(6*time.Hour + time.Minute)
		w.same("copies", w.begun(), 1)
	})
}

// Backups from the future are older than those that are made after the clock was put right, and go before them.
func TestBackupsAfterTheClockWasPutRight(t *testing.T) {
	run(t, func(w *world) {
		for _, day := range []string{"20300101", "20300102", "20300103"} {
			if err := os.WriteFile(filepath.Join(w.dir, "stoker-abc-"+day+"T000000Z.db"), nil, 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}, func(w *world) {
		w.sleep(6*time.Hour + 2*time.Minute)
		w.same("after the first", w.names(), []string{"stoker-abc-20000101T060000Z.db", "stoker-abc-20300102T000000Z.db", "stoker-abc-20300103T000000Z.db"})
		w.sleep(24 * time.Hour)
		w.same("after five", w.names(), []string{"stoker-abc-20000101T180000Z.db", "stoker-abc-20000102T000000Z.db", "stoker-abc-20000102T060000Z.db"})
	})
}

func TestBackupsWithoutADirectory(t *testing.T) {
	run(t, func(w *world) { w.dir = filepath.Join(w.dir, "not-mounted") }, func(w *world) {
		w.sleep(time.Minute)
		w.same("failed", w.ReadState().Backups.Failed, true)
		if err := os.Mkdir(w.dir, 0o700); err != nil {
			w.t.Fatal(err)
		}
		w.sleep(11 * time.Minute)
		w.same("failed when it is there", w.ReadState().Backups.Failed, false)
	})
}
