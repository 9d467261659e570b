package dispatcher

import (
	"sync"
	"time"
)

// taskRunner runs the tasks of one loop side by side and brings their results back to it. All its
// methods are for the loop's goroutine.
type taskRunner struct {
	underWay [taskKinds]int // by kind
	stopping bool           // results are still applied, but no task for a job begins
	results  chan func()
	group    sync.WaitGroup
	// run calls work in another goroutine, and apply, which work returns, in the loop's.
	run func(work func() (apply func()))
}

func newTaskRunner() *taskRunner {
	r := &taskRunner{results: make(chan func())}
	r.run = func(work func() (apply func())) {
		r.group.Go(func() { r.results <- work() })
	}
	return r
}

// spawn begins a task: work is called in another goroutine. The function that it returns is called
// in the loop's goroutine once work has ended.
func (r *taskRunner) spawn(kind taskKind, work func() (apply func())) {
	r.underWay[kind]++
	r.run(func() func() {
		apply := work()
		return func() {
			r.underWay[kind]--
			apply()
		}
	})
}

// room is how many more tasks may begin for jobs in flight.
func (r *taskRunner) room() [dueKinds]int {
	polls := maxPolls - r.underWay[taskPoll]
	return [dueKinds]int{
		duePoll: polls, dueQueuedPoll: polls, dueRunningPoll: polls, dueNoStatusPoll: min(polls, maxNoStatusPolls),
		dueStop: maxStops - r.underWay[taskStop], dueReprioritize: maxReprioritizes - r.underWay[taskReprioritize],
	}
}

// applyReady applies the results that are there already, so that one decision takes all of
// them into account.
func (r *taskRunner) applyReady() {
	for {
		select {
		case apply := <-r.results:
			apply()
		default:
			return
		}
	}
}

// finish waits for the tasks under way and applies their results. It calls cutOff if they have
// not ended after the grace period, and goes on waiting.
func (r *taskRunner) finish(grace time.Duration, cutOff func()) {
	done := make(chan struct{})
	go func() {
		r.group.Wait()
		close(done)
	}()
	timer := time.AfterFunc(grace, cutOff)
	defer timer.Stop()
	for {
		select {
		case apply := <-r.results:
			apply()
		case <-done:
			return
		}
	}
}
