package dispatcher

import "time"

// Every failed call and task is repeated only after a pause, whatever the reason. The pauses
// double up to a bound:
//
//	what fails                                    pause          then
//	a call for one job, without an answer         0.5 to 30 s    goes on; the breaker opens in an outage
//	a start, without an answer and not made       4 s to 5 min   goes on; other jobs go first meanwhile
//	a poll or a stop, refused                     0.5 to 30 s    goes on: the encoding may be running
//	a stop that changes nothing                   30 s to 16 min goes on
//	configuring, because a resource that the
//	batch's jobs share is missing again           4 s to 5 min   after five times each uses an attempt
//	configuring, without an answer                4 s to 2 min   goes on
//	a storage, refused                            4 to 30 s      goes on, for all batches together
//	an output to which the platform
//	may not write                                 5 min          goes on, at once if the batch is resumed
//	deleting an orphan, refused                   4 s to 1 h     goes on: an orphan costs nothing
//	counting, listing, reconciling, sweeping      1 s to 1 min   goes on
//	walking the whole list                        10 s, or as
//	                                              long as it took goes on while something is missing
const (
	firstJobPause  = 500 * time.Millisecond // short: most calls without an answer work the next time
	maxJobPause    = 30 * time.Second       // a job goes on soon after the platform does
	maxSharedPause = 5 * time.Minute        // each try creates and deletes an encoding
	maxDeletePause = time.Hour              // nothing is urgent about an orphan
	firstTaskPause = time.Second
	maxTaskPause   = time.Minute // the account starts nothing meanwhile
)

// growingPause is a pause that doubles with each failure after the first, up to a limit.
func growingPause(first time.Duration, failures int, limit time.Duration) time.Duration {
	return min(first<<min(max(failures-1, 0), 20), limit)
}

// jobPause is how long a job waits after failures that are not its own.
func jobPause(failures int) time.Duration { return growingPause(firstJobPause, failures, maxJobPause) }
