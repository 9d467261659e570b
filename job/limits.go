package job

import "time"

// The limits and defaults that the server, its clients and the configuration share. The rules of the
// contract repeat some of them; a test of the server compares the two.
const (
	// DefaultName is the account, profile or storage that is used where none is named.
	DefaultName = "default"
	// DefaultPriority is the priority of a batch whose submission names none.
	DefaultPriority = 50
	// MaxPriority is the highest priority of a batch; the lowest is 0.
	MaxPriority = 100
	// MaxQueueTarget is the largest queue target that an account can have.
	MaxQueueTarget = 1_000
	// MaxRequestJobs is how many jobs one SubmitBatch or AddJobs request may have.
	MaxRequestJobs = 100_000
	// MaxPageSize is how many items a page of a list may have.
	MaxPageSize = 1_000
	// MaxAccountID is the length of the longest id of an account, in characters.
	MaxAccountID = 100
	// MaxKey is the length of the longest key of a job, in characters.
	MaxKey = 200
	// MaxDisplayName is the length of the longest display name of a batch, in characters.
	MaxDisplayName = 200
	// MaxVariables is how many template variables one job may have.
	MaxVariables = 50
	// MaxFallbackRegions is how many fallback regions a recipe or template may name.
	MaxFallbackRegions = 3
	// MaxPath is the length of the longest path of a file on a storage, in bytes, with the base
	// path of the storage and the file name. S3, GCS and Azure allow that much.
	MaxPath = 1024
	// MaxEstimate is how far ahead the start of a job or the end of a batch is estimated. What is
	// further away has no estimate.
	MaxEstimate = 365 * 24 * time.Hour
)

// ErrorDomain is the domain of the google.rpc.ErrorInfo that every error of the server carries.
const ErrorDomain = "stoker"
