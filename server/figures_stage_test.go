package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

// stageVariable has the audience for which [TestFiguresStage] serves.
const stageVariable = "STOKER_FIGURES_AUDIENCE"

// stage is the process of a server, seen from that of the watchers.
type stage struct {
	t     *testing.T
	tells io.Writer
	hears *json.Decoder
	connections
	batch string
}

// opened is what a stage says when its server serves.
type opened struct{ Address, Batch string }

// played is what a stage says when the batch has ended.
type played struct {
	Took       time.Duration
	Due        []time.Time // of changes, by revision
	Jobs       []glance    // how they ended, by number
	Begin, End used
}

// openStage starts a process with a server.
func openStage(t *testing.T, a audience) *stage {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-test.run=^TestFiguresStage$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), stageVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	tells, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{in}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // it is the child's now
	s := &stage{t: t, tells: tells, hears: json.NewDecoder(out)}
	t.Cleanup(func() {
		s.close()
		_ = tells.Close() // ends the child
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("the server's process: %v", err)
		}
		_ = out.Close() // read to its end
	})
	var o opened
	s.hear(&o)
	s.address, s.batch = o.Address, o.Batch
	return s
}

func (s *stage) tell(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tells, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) hear(v any) {
	s.t.Helper()
	if err := s.hears.Decode(v); err != nil {
		s.t.Fatal(err)
	}
}

// TestFiguresStage is the process of a server for [TestFigures].
func TestFiguresStage(t *testing.T) {
	text := os.Getenv(stageVariable)
	if text == "" {
		t.Skip("a part of TestFigures, in a process of its own")
	}
	var a audience
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	// The garbage collector is that of stoker serve.
	debug.SetGCPercent(20)
	ballast := make([]byte, 64<<20)
	defer runtime.KeepAlive(ballast)

	open := a.openStoker
	if a.Bare {
		open = a.openBare
	}
	says, told := json.NewEncoder(os.NewFile(3, "watchers")), bufio.NewScanner(os.Stdin)
	o, play, end := open(t)
	defer end()
	if err := says.Encode(o); err != nil {
		t.Fatal(err)
	}
	if !told.Scan() {
		return
	}
	begin := usage(t)
	p := play()
	p.Begin, p.End = begin, usage(t)
	if err := says.Encode(p); err != nil {
		t.Fatal(err)
	}
	told.Scan() // until the watchers have seen it all
}

// openStoker opens a real server over a durable job table. play takes the jobs of the batch through their
// lives.
func (a audience) openStoker(t *testing.T) (o opened, play func() played, end func()) {
	table, changed := a.openTables(t)
	s, err := server.New(server.Config{
		Store: table, Access: store.NewAccessTable(table), Catalog: catalog(), Logger: slog.New(slog.DiscardHandler),
		Limits: server.Limits{WatchesPerCaller: a.Watchers + 1, Watches: a.Watchers + 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	newAccounts(table)
	table.SetOnChange(s.Changed)
	house := openHouse(t, s.Options(), s.Register)
	end = func() {
		house.close(func() { s.Stop(house.grpc, 0) })
		_ = table.Close() // nothing is read from it any more
		_ = changed.Close()
	}
	resp, err := house.client(t, 0).SubmitBatch(t.Context(), submission(a.changes()/stepsOfJob))
	if err != nil {
		t.Fatal(err)
	}
	id := resp.GetBatch().GetId()
	play = func() played {
		p := played{Due: make([]time.Time, a.changes()+2)}
		var mu sync.Mutex
		p.Took = a.play(t.Context(), func(ctx context.Context, number int64, at time.Time) {
			j, err := changed.UpdateJob(ctx, job.ID{Batch: id, Number: number}, time.Now(), func(u *job.Update) error { return goOn(u, time.Now()) })
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			p.Due[j.Revision] = at
		})
		jobs, err := table.Jobs(t.Context(), job.Filter{BatchID: id})
		if err != nil {
			t.Fatal(err)
		}
		p.Jobs = make([]glance, len(jobs)+1)
		for _, j := range jobs {
			p.Jobs[j.ID.Number] = glance{stateMessage(j.State), uint8(j.Progress)}
		}
		return p
	}
	return opened{house.address, id}, play, end
}

// openTables opens the job table of the server, and the one by which it is changed: the same one, or that of another
// replica.
func (a audience) openTables(t *testing.T) (table, changed *store.Store) {
	t.Helper()
	var err error
	if !a.Elsewhere {
		if table, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{}); err != nil {
			t.Fatal(err)
		}
		return table, table
	}
	if table, err = postgres.Open(t.Context(), a.Database, store.Options{}); err != nil {
		t.Fatal(err)
	}
	if changed, err = postgres.Open(t.Context(), a.Database, store.Options{}); err != nil {
		t.Fatal(err)
	}
	return table, changed
}
