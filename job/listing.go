package job

import "time"

// ListingWay is how the encodings of this service are found among all that an account has
// at the platform.
type ListingWay string

// The ways, the fastest first.
const (
	ListBySearch ListingWay = "SEARCH"        // the platform searches for their label
	ListByTime   ListingWay = "CREATION_TIME" // the platform lists everybody's back to a time, labels are compared here
	ListByWalk   ListingWay = "WALK"          // everybody's encodings are listed, labels and times are compared here
)

// Listing is how an account's encodings are listed, and whether they have been compared
// with the job table since the process began.
type Listing struct {
	Way              ListingWay
	FaultyParameters []ListParameter // those that cannot be used, by name
	// ComparingSince is since when the platform is compared with the job table; zero once
	// that is done. ComparingProblem is why it did not come to its end when it was last tried;
	// empty if it has not failed.
	ComparingSince   time.Time
	ComparingProblem string
}

// ListParameter is a query parameter of lists that does not work as documented.
type ListParameter struct {
	Name  string // as the platform spells it, such as "search"
	Fault ParameterFault
	Time  time.Time // when that was found; it is tried again a day later
}

// ParameterFault is what is wrong with a query parameter.
type ParameterFault string

// What may be wrong with a query parameter.
const (
	ParameterRefused    ParameterFault = "REFUSED"    // the platform refuses queries with it
	ParameterUnanswered ParameterFault = "UNANSWERED" // queries with it fail, those without do not; tried again ten minutes later
	ParameterIgnored    ParameterFault = "IGNORED"    // the platform answers as if it were not there
	ParameterMisses     ParameterFault = "MISSES"     // the platform leaves out what it should find
)

// OtherInstance is another Stoker, one with a job table of its own, that has been seen at
// work with the same API key.
type OtherInstance struct {
	ID           string // of its job table
	LastSeenTime time.Time
}
