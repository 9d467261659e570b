package server

import "github.com/stokerd/stoker/job"

// Catalog is what a submission can name: the part of the configuration that callers see. It
// does not change after [New].
type Catalog struct {
	Profiles  map[string]job.Recipe
	Templates map[string]job.Template
	Storages  map[string]Storage
	// Retry holds the values of a retry policy that a submission leaves out. Its zero value
	// means no retries; the usual default is [job.DefaultMaxRetries].
	Retry job.RetryPolicy
}

// Storage says what a configured storage can be used for.
type Storage struct {
	Input  bool // assets can be read from it
	Output bool // results can be written to it
	// InputBase and OutputBase precede every path that is read or written. They neither begin
	// nor end with a slash.
	InputBase, OutputBase string
}

// usableAs reports whether the storage can be used as "input" or as "output".
func (s Storage) usableAs(way string) bool {
	return way == "input" && s.Input || way == "output" && s.Output
}
