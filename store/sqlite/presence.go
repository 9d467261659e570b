package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/stokerd/stoker/job"
)

// ErrMoved says that a file of a job table in use is no longer where it was opened. The system goes on
// writing to a file without a name, which is gone when the process ends.
var ErrMoved = fmt.Errorf("%w: its file was moved, deleted or replaced while it was in use", job.ErrUnavailable)

// presence knows the files of a job table in use, and notices when they are no longer at their paths. Once
// that was noticed it stays so: what was written meanwhile may be lost.
type presence struct {
	onLost func(error) // called once; may be nil

	mu    sync.Mutex
	files map[string]os.FileInfo // by path
	lost  error
}

func newPresence(onLost func(error)) *presence {
	return &presence{onLost: onLost, files: map[string]os.FileInfo{}}
}

// check returns [ErrMoved] if one of the files is not the one that was there when it was first checked. A
// file that did not exist yet is none of them.
func (p *presence) check(paths ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, path := range paths {
		if p.lost != nil {
			break
		}
		now, err := os.Stat(path)
		before := p.files[path]
		switch {
		case err == nil && before == nil:
			p.files[path] = now
		case err == nil && os.SameFile(before, now), err != nil && before == nil:
		case err == nil, errors.Is(err, fs.ErrNotExist):
			p.lost = fmt.Errorf("%s: %w", path, ErrMoved)
			if p.onLost != nil {
				p.onLost(p.lost)
			}
		}
	}
	return p.lost
}

// rescuedSuffix is what the name of a rescued table ends in, followed by the time.
const rescuedSuffix = ".rescued-"

// rescue writes a copy of a table whose files are gone from their paths. The writer still has them open,
// with everything that was acknowledged; if they were deleted, nobody else can get at them.
func (db *database) rescue() {
	if db.writer.conn == nil {
		db.log.Error("the job table could not be rescued: its connection is gone")
		return
	}
	to := db.path + rescuedSuffix + time.Now().UTC().Format(timeInName)
	err := createForService(to)
	if err == nil {
		_, err = db.writer.conn.ExecContext(context.Background(), `VACUUM INTO $1`, to)
		err = interpret(err)
	}
	if err == nil {
		err = flush(to)
	}
	if err != nil {
		db.log.Error("the job table could not be rescued", "file", to, "err", err)
		return
	}
	db.log.Error("the files of the job table are gone from their place; a copy with everything that was acknowledged was written", "file", to)
}
