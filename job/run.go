package job

import "time"

// Run is how long a job's encoding runs or ran, for those who tell how long others will.
type Run struct {
	Number   int64 // of the job
	Began    time.Time
	Ended    time.Time // zero while it runs
	Progress int       // in percent, as of Seen
	Seen     time.Time // when the job last changed
}
