package main

import (
	"os"
	"runtime/debug"

	"github.com/stokerd/stoker/internal/doctor"
)

// tuneCollector makes the garbage collector run seldom while the heap is small, and often while it is
// large, unless the environment sets GOGC. The caller keeps the ballast until the service ends.
//
// The collector runs when the heap has grown by a percentage. With 10 MB in use and GOGC=50, that is after
// every fifth page of a list. The ballast counts as heap and is never touched, so that it takes no memory
// of the machine. With it, the heap grows by 15 MB before the collector runs, and with 70 MB in use by 27
// MB. That much is in use while a submission of 100,000 jobs is stored. Thousands of watchers, each with a
// connection of its own, need more, most of it for stacks, which count as heap too.
//
// Where a control group limits the memory of the process, as MemoryMax of a unit does, the collector runs more often
// when nine tenths of it are used, unless the environment sets GOMEMLIMIT.
func tuneCollector() (ballast []byte) {
	if limit := doctor.CgroupMemory("/"); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(limit/10*9) + ballastBytes) //nolint:gosec // no machine has so much memory
	}
	if os.Getenv("GOGC") != "" {
		return nil
	}
	debug.SetGCPercent(20)
	return make([]byte, ballastBytes)
}

// ballastBytes is the size of the ballast.
const ballastBytes = 64 << 20
