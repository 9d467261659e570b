package server

import (
	"runtime"
	"sync/atomic"
)

// unreadAnswers counts the small answers that gRPC holds because their callers have not read them. Their calls are
// over, so that no other limit sees them, and a connection may have a thousand. Beyond the bound an answer is
// waited for, like a large one: its call stays under way, of which one caller may have only so many.
type unreadAnswers struct {
	most  int64 // in bytes
	bytes atomic.Int64
}

// streamBytes is about how much memory gRPC needs for the stream of a call, in bytes. It has it until the answer is
// read.
const streamBytes = 4 << 10

func newUnreadAnswers(most int) *unreadAnswers { return &unreadAnswers{most: int64(most)} }

// hold counts an answer until gRPC does not need it any more. It returns nil if there is too much unread already.
func (u *unreadAnswers) hold(encoded []byte) *encodedAnswer {
	n := int64(cap(encoded) + streamBytes)
	if u.bytes.Add(n) > u.most {
		u.bytes.Add(-n)
		return nil
	}
	a := &encodedAnswer{bytes: encoded}
	// What is unwritten when a connection ends is given to nobody, and collected.
	lost := runtime.AddCleanup(a, func(n int64) { u.bytes.Add(-n) }, n)
	a.taken = func() {
		lost.Stop()
		u.bytes.Add(-n)
	}
	return a
}
