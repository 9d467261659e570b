package job

import "time"

// ListingWay is how the service finds its own encodings among all encodings of an account.
type ListingWay string

// The ways, the fastest first.
const (
	ListBySearch ListingWay = "SEARCH"        // the platform searches for the label of the service
	ListByTime   ListingWay = "CREATION_TIME" // the platform lists all encodings back to a time, and the service compares labels
	ListByWalk   ListingWay = "WALK"          // the platform lists all encodings, and the service compares labels and times
)

// Listing says how the encodings of an account are listed, and whether the service has compared them
// with the job table since it started.
type Listing struct {
	Way              ListingWay
	FaultyParameters []ListParameter // query parameters that cannot be used, sorted by name
	// ComparingSince is since when the service has been comparing the platform with the job
	// table; zero once the comparison is done. ComparingProblem is why the latest try failed;
	// empty if it did not fail.
	ComparingSince   time.Time
	ComparingProblem string
}

// ListParameter is a query parameter of lists that does not work as documented.
type ListParameter struct {
	Name  string // as the platform spells it, such as "search"
	Fault ParameterFault
	Time  time.Time // when the fault was found; the parameter is tried again a day later
}

// ParameterFault is what is wrong with a query parameter.
type ParameterFault string

// What may be wrong with a query parameter.
const (
	ParameterRefused    ParameterFault = "REFUSED"    // the platform refuses queries with it
	ParameterUnanswered ParameterFault = "UNANSWERED" // only queries without it get an answer; the parameter is tried again ten minutes later
	ParameterIgnored    ParameterFault = "IGNORED"    // the platform answers as if the parameter were not there
	ParameterMisses     ParameterFault = "MISSES"     // the platform leaves out encodings that it should find
)

// ParameterFaults lists every fault.
func ParameterFaults() []ParameterFault {
	return []ParameterFault{ParameterRefused, ParameterUnanswered, ParameterIgnored, ParameterMisses}
}

// OtherInstance is another Stoker server, with a job table of its own, that uses the same API key.
type OtherInstance struct {
	ID           string // of its job table
	LastSeenTime time.Time
}
