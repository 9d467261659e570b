package server

import (
	"runtime"
	"testing"
)

// What is unread is counted until gRPC gives it back, or forgets it with a connection that has ended.
func TestUnreadAnswers(t *testing.T) {
	u := newUnreadAnswers(3 * (pooledSize + streamBytes))
	first, second := u.hold(make([]byte, pooledSize)), u.hold(make([]byte, pooledSize))
	if first == nil || second == nil || u.hold(make([]byte, pooledSize)) == nil {
		t.Fatal("answers within the bound are not held")
	}
	if u.hold(make([]byte, pooledSize)) != nil {
		t.Error("an answer beyond the bound is held")
	}
	first.Put(nil)
	if again := u.hold(make([]byte, pooledSize)); again == nil {
		t.Error("what was given back makes no room")
	} else {
		again.Put(nil)
	}
	second.Put(nil)
	for u.bytes.Load() > 0 { // the third was forgotten
		runtime.GC()
		runtime.Gosched()
	}
	if n := u.bytes.Load(); n != 0 {
		t.Errorf("%d bytes are counted in the end", n)
	}
}
