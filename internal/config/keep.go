package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Retention says how long batches are kept after their end, by their outcome, and what has succeeded beyond that. 0
// is for ever.
type Retention struct {
	Succeeded, Failed, Cancelled time.Duration
	Jobs                         int64 // how many jobs the table has at most; 0: no limit
	Results                      time.Duration
}

// Floor says how much of the disk has to be left for jobs to be taken: Bytes, but no more than Share of the disk if
// that is more than 0.
type Floor struct {
	Bytes int64
	Share float64
}

// Of returns the floor of a disk of a size, in bytes.
func (f Floor) Of(total int64) int64 {
	if most := int64(f.Share * float64(total)); f.Share > 0 && most < f.Bytes {
		return most
	}
	return f.Bytes
}

// Backup says when backups are made while the service runs.
type Backup struct {
	Every time.Duration // 0: none are made
	Keep  int           // how many are kept
	Dir   string        // empty: none are made
}

// maxAge bounds ages. It is a hundred years.
const maxAge = 36_500 * 24 * time.Hour

// ageUnits are the units of ages beyond those of Go.
var ageUnits = map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}

// parseAge reads an age such as 30d, 12h or 1y; 0 stands for ever, or never.
func parseAge(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	for name, unit := range ageUnits {
		number, ok := strings.CutSuffix(s, name)
		if !ok {
			continue
		}
		var n int64
		if n, err = strconv.ParseInt(number, 10, 32); err == nil && n <= int64(maxAge/unit) {
			d = time.Duration(n) * unit
		}
	}
	if err != nil || d < time.Minute || d > maxAge {
		return 0, errors.New("want 0, or an age from 1m to 100y, for example 12h, 30d or 1y")
	}
	return d, nil
}

// byteUnits are the units of sizes, the longer names first.
var byteUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"", 1},
}

// parseSize reads a number of bytes such as 512MiB.
func parseSize(s string) (int64, error) {
	for _, unit := range byteUnits {
		number, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0) || n*unit.bytes > 1<<60 {
			break
		}
		return int64(n * unit.bytes), nil
	}
	return 0, errors.New("want a size, for example 512MiB or 2GiB")
}

// automaticFloor is the floor of a disk of more than 5 GiB, and a tenth of a smaller one.
var automaticFloor = Floor{Bytes: 512 << 20, Share: 0.1}

// parseFloor reads a floor: auto, a size, a share of the disk such as 5%, or 0 for none.
func parseFloor(s string) (Floor, error) {
	if s == "auto" {
		return automaticFloor, nil
	}
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(n >= 0 && n <= 90) {
			return Floor{}, errors.New("want a share of the disk from 0% to 90%")
		}
		if n == 0 {
			return Floor{}, nil
		}
		return Floor{Bytes: math.MaxInt64, Share: n / 100}, nil
	}
	bytes, err := parseSize(s)
	if err != nil {
		return Floor{}, fmt.Errorf("%w, a share of the disk, for example 5%%, auto, or 0 for none", err)
	}
	return Floor{Bytes: bytes}, nil
}

// checkBackup makes the directory of backups the one that the file means. A database has no backups of this kind.
func (l *loader) checkBackup() {
	b := &l.config.Backup
	if b.Dir != "" && l.fromFile("backup-dir") {
		b.Dir = l.resolvePath(b.Dir)
	}
	if b.Dir != "" && b.Every > 0 && isDatabaseURL(l.config.DB) {
		l.mistake(l.sources["backup-dir"], "a database is copied by its own tools, pg_dump or continuous archiving: leave the directory of backups out")
	}
}

// retentionSettings are the settings of what is kept, and for how long.
func retentionSettings() []Setting {
	age := func(of func(*Config) *time.Duration) func(*Config, string) error {
		return func(c *Config, v string) (err error) {
			*of(c), err = parseAge(v)
			return err
		}
	}
	return []Setting{
		{"keep-succeeded", "age", "0", "how long a batch is kept after it has SUCCEEDED, for example 30d or 12h; 0: for ever", age(func(c *Config) *time.Duration { return &c.Retention.Succeeded })},
		{"keep-failed", "age", "0", "how long a batch is kept after it has FAILED; 0: for ever", age(func(c *Config) *time.Duration { return &c.Retention.Failed })},
		{"keep-cancelled", "age", "0", "how long a batch is kept after it was CANCELLED; 0: for ever", age(func(c *Config) *time.Duration { return &c.Retention.Cancelled })},
		{"keep-jobs", "int", "0", "the most jobs that the job table has; beyond it the batches that ended first are deleted; 0: no limit", func(c *Config, v string) error {
			n, err := parseInt(v, 0, 1_000_000_000)
			c.Retention.Jobs = int64(n)
			return err
		}},
		{"keep-results", "age", "0", "how long it is remembered what has succeeded in deleted batches, so that skip_succeeded skips it; 0: for ever", age(func(c *Config) *time.Duration { return &c.Retention.Results })},
		{"disk-floor", "size", "auto", "no jobs are taken while the disk of the job table has less room than this: a size, a share such as 5%, 0 for none, or auto: 512MiB, of a disk below 5GiB a tenth", func(c *Config, v string) (err error) {
			c.DiskFloor, err = parseFloor(v)
			return err
		}},
		{"backup-every", "age", "6h", "how often a backup is made if there is a --backup-dir; 0: never", age(func(c *Config) *time.Duration { return &c.Backup.Every })},
		{"backup-keep", "int", "7", "how many backups are kept", func(c *Config, v string) (err error) {
			c.Backup.Keep, err = parseInt(v, 1, 100_000)
			return err
		}},
		{"backup-dir", "path", "", "existing directory for backups of the job table, best on another disk; empty: none are made", func(c *Config, v string) error {
			c.Backup.Dir = v
			return nil
		}},
		{"migrate-without-copy", "bool", "false", "do not copy the job table of an older version before its schema is changed", func(c *Config, v string) (err error) {
			c.MigrateWithoutCopy, err = parseBool(v)
			return err
		}},
	}
}
