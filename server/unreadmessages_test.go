package server

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// A connection that does not take the last messages of a watch that has ended is ended. One that takes them, however
// late, one that is gone, and one whose watch goes on are not.
func TestUnreadMessages(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRoom("answer_bytes", "messages", 10*largeMessage, largeMessage)
		e := &encodedMessage{bytes: make([]byte, largeMessage+1)}
		watch := func(ctx context.Context) (u *unreadMessages, ended *int) {
			ended = new(int)
			u = newUnreadMessages(peer.NewContext(ctx, &peer.Peer{Addr: endable{&net.TCPAddr{}, ended}}), r)
			if _, ok := u.hold(e, nil); !ok {
				t.Fatal("there is no room")
			}
			u.add()
			return u, ended
		}
		gone, hangUp := context.WithCancelCause(t.Context())
		left, leftEnded := watch(gone)
		deaf, deafEnded := watch(t.Context())
		late, lateEnded := watch(t.Context())
		stays, staysEnded := watch(t.Context())
		hangUp(nil)
		left.end(gone)
		deaf.end(t.Context())
		late.end(t.Context())
		time.Sleep(takeTime - time.Second)
		late.Put(&e.bytes)
		time.Sleep(time.Hour)
		synctest.Wait()
		if *deafEnded != 1 || *leftEnded+*lateEnded+*staysEnded != 0 {
			t.Errorf("ended are the one that reads nothing %d times, the others %d, %d and %d times; want the first, once", *deafEnded, *leftEnded, *lateEnded, *staysEnded)
		}
		if n := e.holders[stays.caller].watches; n != 1 {
			t.Errorf("room is held for %d watches, want the one that goes on", n)
		}
		stays.Put(&e.bytes)
		stays.end(t.Context())
		if len(e.holders) != 0 || len(r.callers) != 0 {
			t.Error("room is held for messages that everybody has read")
		}
	})
}

// All watches of a caller that are sent one message take up its room once. Others wait for room without a message at
// hand, and are sent what is true when there is some.
func TestRoomForMessages(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const size = 2 * largeMessage
		r := newRoom("answer_bytes", "messages", 4*size, size) // two for each caller
		watch := func() *unreadMessages { return newUnreadMessages(t.Context(), r) }
		reads := 0
		read := func(e *encodedMessage) func() (*encodedMessage, *encodedMessage, error) {
			return func() (*encodedMessage, *encodedMessage, error) {
				reads++
				return e, e, nil
			}
		}
		shared, other := &encodedMessage{bytes: make([]byte, size)}, &encodedMessage{bytes: make([]byte, size)}
		var first []*unreadMessages
		for n, e := range []*encodedMessage{shared, shared, shared, other} {
			u := watch()
			first = append(first, u)
			if got, err := withRoom(t.Context(), u, read(e)); got != e || err != nil {
				t.Fatalf("message %d: %v", n, err)
			}
		}
		var waiting sync.WaitGroup
		third := &encodedMessage{bytes: make([]byte, size)}
		u := watch()
		waiting.Go(func() {
			if got, err := withRoom(t.Context(), u, read(third)); got != third || err != nil {
				t.Errorf("a message that waited for room: %v", err)
			}
		})
		synctest.Wait()
		if reads != 5 {
			t.Errorf("%d reads before there is room, want 5", reads)
		}
		for _, u := range first[:3] {
			u.Put(&shared.bytes)
		}
		waiting.Wait()
		if reads != 6 {
			t.Errorf("%d reads when there is room, want one more", reads)
		}
		if _, err := withRoom(t.Context(), watch(), read(&encodedMessage{bytes: make([]byte, size)})); limitOf(err) != "answer_bytes" {
			t.Errorf("a message for which there is no room for long: %v", err)
		}
		small := &encodedMessage{bytes: make([]byte, largeMessage)}
		if got, err := withRoom(t.Context(), watch(), read(small)); got != small || err != nil {
			t.Errorf("a small message when there is no room: %v", err)
		}
	})
}

// Few of the watches read at the same moment.
func TestReadsOfWatches(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := newHub(Limits{})
		var all sync.WaitGroup
		var mu sync.Mutex
		now, most := 0, 0
		for range 100 {
			all.Go(func() {
				_, err := h.read(t.Context(), func(context.Context) (change, error) {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Millisecond)
					mu.Lock()
					now--
					mu.Unlock()
					return change{}, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most != cap(h.reading) {
			t.Errorf("%d read at the same moment, want %d", most, cap(h.reading))
		}
	})
}
