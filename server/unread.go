package server

import (
	"context"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc/peer"
)

const (
	// manyUnread is how many small answers a connection may leave unread for as long as it likes.
	manyUnread = 100
	// unreadTime is how long a connection with more may read none.
	unreadTime = 5 * time.Second
)

// unreadAnswers counts the small answers that gRPC holds because their callers have not read them. Their calls are
// over, so that no other limit sees them, and each keeps a stream with some ten kilobytes. A connection that has
// many of them and reads none is ended: nothing less makes gRPC forget them.
type unreadAnswers struct {
	mu          sync.Mutex
	connections map[any]*unreadOf // by the address of the other end, which stands for the connection
}

// unreadOf is what one connection has not read.
type unreadOf struct {
	count int
	taken time.Time   // when the connection read an answer last, or began to leave many
	timer *time.Timer // set while there are many
}

func newUnreadAnswers() *unreadAnswers { return &unreadAnswers{connections: map[any]*unreadOf{}} }

// hold counts an answer until gRPC does not need it any more.
func (u *unreadAnswers) hold(ctx context.Context, encoded []byte) *encodedAnswer {
	a := &encodedAnswer{bytes: encoded, taken: func() {}}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return a
	}
	connection, ok := p.Addr.(disconnector)
	if !ok {
		return a // a connection in memory
	}
	u.add(connection)
	// What is unwritten when a connection ends is given to nobody, and collected.
	lost := runtime.AddCleanup(a, u.take, connection)
	a.taken = func() {
		lost.Stop()
		u.take(connection)
	}
	return a
}

// disconnector is the address of the other end of a connection that can be ended.
type disconnector interface{ Disconnect() }

func (u *unreadAnswers) add(connection disconnector) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.connections[connection]
	if of == nil {
		of = &unreadOf{}
		u.connections[connection] = of
	}
	if of.count++; of.count > manyUnread && of.timer == nil {
		of.taken = time.Now()
		of.timer = time.AfterFunc(unreadTime, func() { u.check(connection) })
	}
}

func (u *unreadAnswers) take(connection disconnector) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.connections[connection]
	if of == nil {
		return // it was ended
	}
	of.count--
	if of.timer != nil {
		of.taken = time.Now()
		if of.count <= manyUnread {
			of.timer.Stop()
			of.timer = nil
		}
	}
	if of.count == 0 {
		delete(u.connections, connection)
	}
}

// check ends a connection that has read nothing for too long.
func (u *unreadAnswers) check(connection disconnector) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := u.connections[connection]
	if of == nil || of.timer == nil {
		return
	}
	if rest := unreadTime - time.Since(of.taken); rest > 0 {
		of.timer.Reset(rest)
		return
	}
	delete(u.connections, connection)
	connection.Disconnect()
}
