package job

import "time"

// Search selects jobs of many batches, or of one. Empty fields select all.
type Search struct {
	BatchSeq  int64             // of the one batch; 0: all batches
	Accounts  []string          // of the batches
	Labels    map[string]string // a batch has to have all of them
	States    []State
	Keys      []string
	KeyPrefix string
	// Text has to occur in the key, the name, the input path or the output path of a job, or in the
	// id of an encoding that it has or had. Upper and lower case are the same.
	Text       string
	Causes     []string // of the failure of the latest attempt that failed
	EncodingID string   // of an encoding that the job has or had

	Created, Changed, Finished TimeRange
}

// TimeRange is a range of times, from Since on and before Until. A zero time is no limit.
type TimeRange struct{ Since, Until time.Time }

// JobPosition is the place of a job among the jobs of all batches.
type JobPosition struct{ BatchSeq, Number int64 }

// SearchPage says which part of a search is wanted.
type SearchPage struct {
	// After is where the page begins: after this position. Zero: at the first job.
	After JobPosition
	// Ascending asks for the jobs of the one batch of the search by number. Otherwise the latest batch
	// goes first, and of each batch the highest number.
	Ascending bool
	Limit     int
	// Until is when a search for a text stops, even if it has found fewer jobs than Limit. Zero: never.
	Until time.Time
}

// IsOver reports whether a search for a text has to stop.
func (p *SearchPage) IsOver() bool { return !p.Until.IsZero() && time.Now().After(p.Until) }

// FoundJob is a job that a search has found.
type FoundJob struct {
	BatchSeq int64
	Job
}

// FoundJobs are jobs that a search has found, in its order.
type FoundJobs struct {
	Jobs []FoundJob
	// Next is where the search goes on: after this position. It is zero if there are no more jobs.
	Next JobPosition
}
