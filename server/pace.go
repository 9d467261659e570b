package server

import (
	"sync"
	"time"
)

const (
	// messageCost is the processor time for one message, at the least. The interval of a watch is at least that for
	// each watch of the server, to leave time for other calls.
	messageCost = 30 * time.Microsecond
	// maxMessageCost is the most that a message is taken to cost. 5,000 watchers then hear of a change within two seconds.
	maxMessageCost = 400 * time.Microsecond
	// lateAfter is how long after its time a message is late.
	lateAfter = 100 * time.Millisecond
	// paceWindow is how often the pace is adapted.
	paceWindow = 500 * time.Millisecond
	// minPaced is how many messages of a window say something about the machine.
	minPaced = 100
)

// pace is how often the watchers of a server get messages. Each message has everything that has changed since the last one,
// so watchers of a busy machine lose nothing if they get fewer. Without that, messages that are late would make later
// ones later still.
type pace struct {
	mu         sync.Mutex
	cost       time.Duration // of one message
	began      time.Time     // the window
	sent, late int           // messages in the window
}

// note says how long after its time a message could be sent.
func (p *pace) note(now time.Time, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	if delay > lateAfter {
		p.late++
	}
	if now.Sub(p.began) < paceWindow {
		return
	}
	switch {
	case p.sent < minPaced || p.late*100 < p.sent:
		p.cost -= p.cost / 16
	case p.late*2 > p.sent:
		p.cost *= 2
	case p.late*10 > p.sent:
		p.cost += p.cost / 4
	}
	p.cost = min(max(p.cost, messageCost), maxMessageCost)
	p.began, p.sent, p.late = now, 0, 0
}

// turns is how many intervals there are between two messages to a watcher, among so many watchers.
func (p *pace) turns(watchers int, interval time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	needed := time.Duration(watchers) * max(p.cost, messageCost)
	return max(1, (needed+interval-1)/interval)
}
