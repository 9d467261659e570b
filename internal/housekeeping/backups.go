package housekeeping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// Plan says when backups are made, and where.
type Plan struct {
	// Every is the time from the beginning of one backup to that of the next; 0: none are made.
	Every time.Duration
	// Keep is how many are kept. The oldest goes when another one is complete.
	Keep int
	// Dir is the directory that they are in. It has to exist: a disk that is not mounted is not written past.
	Dir string
	// Instance is the name of the job table. Backups of other tables in the directory are left alone.
	Instance string
	// Copy writes a copy of the job table to a new file, which is whole or not there. Until it is whole its
	// name ends in PartialSuffix.
	Copy          func(ctx context.Context, to string) error
	PartialSuffix string
	// CompanionSuffix ends the name of the file that Copy may write beside a copy, before it. It goes with the copy;
	// empty: it writes none.
	CompanionSuffix string
	// Room returns how much room a directory's disk has, in bytes, and in all; 0 in all: not known.
	Room func(dir string) (free, total int64, err error)
	// SameDisk says that Dir is on the disk of the job table, so that backups have to leave its floor.
	SameDisk bool
}

// retryBackup is how long after a failure a backup is tried again, at most.
const retryBackup = 10 * time.Minute

// errNoRoom says that there is too little room for a backup.
var errNoRoom = errors.New("there is too little room for a backup")

func (p *Plan) scheduled() bool { return p.Every > 0 && p.Dir != "" }

// timeInName is how the time of a backup stands in its name, in UTC.
const timeInName = "20060102T150405Z"

func (p *Plan) prefix() string { return "stoker-" + p.Instance + "-" }

const extension = ".db"

// path is where the backup of a time is.
func (p *Plan) path(t time.Time) string {
	return filepath.Join(p.Dir, p.prefix()+t.UTC().Format(timeInName)+extension)
}

// backup is a file that a plan has made.
type backup struct {
	path string
	time time.Time
}

// list returns the complete backups, the oldest first, and what is left of interrupted ones. Those from after now were
// made while the clock was wrong, before all others.
func (p *Plan) list(now time.Time) (complete []backup, partial []string, err error) {
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		middle, ours := strings.CutPrefix(e.Name(), p.prefix())
		name, _, interrupted := strings.Cut(middle, p.PartialSuffix) // also of the journal beside it
		if copied, companion := strings.CutSuffix(middle, p.CompanionSuffix); companion && p.CompanionSuffix != "" {
			_, err := os.Lstat(filepath.Join(p.Dir, p.prefix()+copied))
			name, interrupted = copied, errors.Is(err, fs.ErrNotExist)
			if !interrupted {
				continue // it belongs to a complete one
			}
		}
		at, err := time.Parse(timeInName+extension, name)
		path := filepath.Join(p.Dir, e.Name())
		switch {
		case !ours || err != nil:
		case interrupted:
			partial = append(partial, path)
		default:
			complete = append(complete, backup{path, at})
		}
	}
	age := func(b backup) time.Time {
		if b.time.After(now) {
			return time.Time{}
		}
		return b.time
	}
	slices.SortFunc(complete, func(a, b backup) int { return cmp.Or(age(a).Compare(age(b)), a.time.Compare(b.time)) })
	return complete, partial, nil
}

// backUp makes backups as planned. The first one is due when the latest of an earlier process is old enough.
func (h *Housekeeper) backUp(ctx context.Context) {
	h.begin()
	for {
		last := h.ReadState().Backups
		pause := min(time.Until(last.Last.Add(h.plan.Every)), h.plan.Every) // the clock may have been set back
		if last.Failed {
			pause = min(retryBackup, h.plan.Every)
		}
		if (clock.Real{}).Sleep(ctx, pause) != nil {
			return
		}
		began := time.Now()
		size, err := h.plan.make(ctx, began, h.needed(ctx))
		if ctx.Err() != nil {
			return
		}
		h.note(began, size, err)
		if err := h.plan.removeOldest(time.Now()); err != nil {
			h.log.Warn("an old backup was not removed", "err", err)
		}
	}
}

// begin finds out what an earlier process has made.
func (h *Housekeeper) begin() {
	b := Backups{Every: h.plan.Every, Since: time.Now()}
	complete, _, err := h.plan.list(time.Now())
	if err == nil && len(complete) > 0 {
		latest := complete[len(complete)-1]
		if info, err := os.Stat(latest.path); err == nil {
			b.Last, b.Size = latest.time, info.Size()
		}
	}
	h.mu.Lock()
	h.state.Backups = b
	h.mu.Unlock()
}

// note keeps how a backup went.
func (h *Housekeeper) note(began time.Time, size int64, err error) {
	h.mu.Lock()
	b := &h.state.Backups
	b.Failed = err != nil
	if err == nil {
		b.Last, b.Size = began, size
	} else {
		b.Failures++
	}
	h.mu.Unlock()
	if err != nil {
		h.log.Error("the backup was not made; it is tried again", "file", h.plan.Dir, "err", err)
		return
	}
	h.log.Info("a backup was made", "file", h.plan.path(began), "bytes", size, "took", time.Since(began))
}

// needed is about how much room there has to be for a backup; 0 if that is not known.
func (h *Housekeeper) needed(ctx context.Context) int64 {
	space, err := h.keeper.ReadSpace(ctx)
	if err != nil {
		return 0
	}
	need := space.Table - space.Unused
	if h.plan.SameDisk {
		need += space.Floor
	}
	return need
}

// make makes one backup, unless there is less room than need.
func (p *Plan) make(ctx context.Context, now time.Time, need int64) (size int64, err error) {
	_, partial, err := p.list(now)
	if err != nil {
		return 0, err
	}
	for _, path := range partial {
		if err := removeIfThere(path); err != nil {
			return 0, err
		}
	}
	if free, total, err := p.Room(p.Dir); err == nil && total > 0 && free < need {
		return 0, fmt.Errorf("%w: %s are needed, and %s are free", errNoRoom, job.FormatBytes(need), job.FormatBytes(free))
	}
	to := p.path(now)
	if err := p.Copy(ctx, to); err != nil {
		return 0, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// removeOldest removes backups beyond those that are kept.
func (p *Plan) removeOldest(now time.Time) error {
	complete, _, err := p.list(now)
	if err != nil {
		return err
	}
	for len(complete) > max(p.Keep, 1) {
		if err := removeIfThere(complete[0].path); err != nil {
			return err
		}
		if p.CompanionSuffix != "" {
			if err := removeIfThere(complete[0].path + p.CompanionSuffix); err != nil {
				return err
			}
		}
		complete = complete[1:]
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
