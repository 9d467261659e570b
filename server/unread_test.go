package server

import (
	"net"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// endable is the other end of a connection, which counts how often it was ended.
type endable struct {
	net.Addr
	ended *int
}

func (e endable) Disconnect() { *e.ended++ }

// A connection that leaves many small answers unread and reads none is ended. One that reads, however slowly, and
// one that leaves few are not.
func TestUnreadAnswers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		u := newUnreadAnswers()
		hold := func(n int) (answers []*encodedAnswer, ended *int) {
			ended = new(int)
			ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: endable{&net.TCPAddr{}, ended}})
			for range n {
				answers = append(answers, u.hold(ctx, make([]byte, pooledSize)))
			}
			return answers, ended
		}
		deaf, deafEnded := hold(manyUnread + 1)
		few, fewEnded := hold(manyUnread)
		slow, slowEnded := hold(manyUnread + 50)
		for range 40 {
			time.Sleep(unreadTime - time.Second)
			slow[0].Put(nil)
			slow = slow[1:]
		}
		if *deafEnded != 1 || *fewEnded != 0 || *slowEnded != 0 {
			t.Errorf("ended are the one that reads nothing %d times, the one with few answers %d times, and the slow one %d times; want the first, once", *deafEnded, *fewEnded, *slowEnded)
		}
		for _, answers := range [][]*encodedAnswer{deaf, few, slow} {
			for _, a := range answers {
				a.Put(nil)
			}
		}
		if len(u.connections) != 0 {
			t.Errorf("%d connections are counted in the end", len(u.connections))
		}
	})
}

// What was unwritten when a connection ended is forgotten with it.
func TestUnreadAnswersOfEndedConnection(t *testing.T) {
	u := newUnreadAnswers()
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: endable{&net.TCPAddr{}, new(int)}})
	for range 3 {
		u.hold(ctx, make([]byte, pooledSize))
	}
	counted := func() int {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.connections)
	}
	for counted() > 0 {
		runtime.GC()
		runtime.Gosched()
	}
}
