package job

// Selection chooses jobs of one batch for a change of many at once. Empty fields
// choose all.
type Selection struct {
	BatchID   string
	States    []State // at least one
	KeyPrefix string
	// What follows is about the latest attempt that failed.
	FailureKinds []FailureKind
	Categories   []string
	Causes       []string // as [Cause.Key] has them
}

// Cause is what a number of jobs of a batch failed of.
type Cause struct {
	// Key tells causes of a batch apart: kind, codes, category and text of the
	// failure, without what is the job's own in it (its paths and its encoding).
	Key     string
	Count   int64   // of jobs that are FAILED
	First   ID      // the first of them
	Failure Failure // of that one
}
