package store

import (
	"context"
	"fmt"

	"github.com/stokerd/stoker/job"
)

// A disk that is full keeps the states of jobs from being recorded, while the platform goes on and has to be
// paid. So no jobs are taken while the disk still has room for what becomes of those that were taken.

// Floor says how much of the disk has to be left for jobs to be taken: Bytes, but not more than Share of the
// whole disk if Share is more than 0. The zero value is no floor.
type Floor struct {
	Bytes int64
	Share float64
}

// DefaultFloor is enough for the ends of a million jobs and for the write-ahead log at its largest. A small disk is
// not ruled out by it.
var DefaultFloor = Floor{Bytes: 512 << 20, Share: 0.1}

// of returns the floor of a disk of a size.
func (f Floor) of(total int64) int64 {
	if most := int64(f.Share * float64(total)); f.Share > 0 && most < f.Bytes {
		return most
	}
	return f.Bytes
}

// Space is the room that a job table has and takes, in bytes.
type Space struct {
	Free, Total int64 // of the disk, for this process; Total is 0 where that is not known
	Floor       int64 // no jobs are taken while Free is less; 0: there is no floor
	Table       int64 // what the files of the table take
	Unused      int64 // the part of Table that holds nothing: new rows are written there
}

// Low reports whether no jobs are taken because of the disk.
func (s Space) Low() bool { return s.Total > 0 && s.Free < s.Floor }

// room decides whether there is room for more jobs.
type room struct {
	engine Engine
	floor  Floor
}

// check returns a [job.SpaceError] below the floor. Where the room on the disk is not known there is enough.
func (r room) check() error {
	if r.floor == (Floor{}) {
		return nil
	}
	free, total, err := r.engine.DiskSpace()
	if err != nil || total == 0 {
		return nil //nolint:nilerr // writing to that disk tells what is wrong with it
	}
	if floor := r.floor.of(total); free < floor {
		return &job.SpaceError{Free: free, Floor: floor}
	}
	return nil
}

// ReadSpace returns the room that the table has and takes.
func (k Keeper) ReadSpace(ctx context.Context) (Space, error) {
	var s Space
	var err error
	if s.Free, s.Total, err = k.s.engine.DiskSpace(); err != nil {
		return Space{}, fmt.Errorf("room on the disk: %w", err)
	}
	s.Floor = k.s.room.floor.of(s.Total)
	if s.Table, s.Unused, err = k.s.engine.TableSize(ctx); err != nil {
		return Space{}, fmt.Errorf("size of the job table: %w", err)
	}
	return s, nil
}
