package server

import (
	"github.com/stokerd/stoker/job"
)

// Catalog has the parts of the configuration that a submission can name. It must not change after
// [New]; [Reconfigure] puts another in its place.
type Catalog struct {
	Profiles  map[string]job.Recipe   // by name
	Templates map[string]job.Template // by name
	Storages  map[string]Storage      // by name
	// ProfileAccounts and TemplateAccounts name the accounts that may use a profile or a template, by name
	// of that. All accounts may use one that is not in it.
	ProfileAccounts, TemplateAccounts map[string][]string
	// Retry has the values of a retry policy that a submission leaves out. Its zero value allows
	// no retries: set MaxRetries, usually to [job.DefaultMaxRetries].
	Retry job.RetryPolicy
}

// Storage says what a configured storage can be used for.
type Storage struct {
	Input  bool // assets can be read from it
	Output bool // results can be written to it
	// InputBase and OutputBase are the base paths for reading and for writing. They neither begin
	// nor end with a slash.
	InputBase, OutputBase string
	// InputPlace and OutputPlace say where the storage is, for people. They differ if one name
	// means two storages.
	InputPlace, OutputPlace Place
	// InputAccounts and OutputAccounts name the accounts that may read from it and write to it; nil: all.
	InputAccounts, OutputAccounts []string
}

// Place says where a storage is.
type Place struct {
	Type     string // as the configuration spells it, for example s3
	Location string // the bucket, or the host with its port
	Region   string // of the cloud; empty if unknown
}

// usableAs reports whether the storage can be used as "input" or as "output".
func (s Storage) usableAs(way string) bool {
	return way == "input" && s.Input || way == "output" && s.Output
}
