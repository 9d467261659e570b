package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
)

// largeMessage is the size from which on room is made for a message of a watch, in bytes. gRPC holds about twice as
// much for each stream, and one message of any size.
const largeMessage = 32 << 10

// encodedMessage is the encoded form of a message of watches. All watchers who are sent it share the memory.
type encodedMessage struct {
	bytes []byte // never written to

	mu      sync.Mutex
	holders map[string]*messageHolder // by caller; of a large message
}

// messageHolder is the room that a caller takes up by not having read a message.
type messageHolder struct {
	reservation *reservation
	watches     int // of the caller
}

func newEncodedMessage(m proto.Message) (*encodedMessage, error) {
	encoded, err := encodeAnswer(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return &encodedMessage{bytes: encoded}, nil
}

// hold makes room for a message that a watch of the caller is sent, unless another of its watches has made it. It
// takes the room of spare if that is enough, and returns what it has not taken. It reports whether there was room.
func (e *encodedMessage) hold(r *room, caller string, spare *reservation) (rest *reservation, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h := e.holders[caller]; h != nil {
		h.watches++
		return spare, true
	}
	reserved := spare
	if spare != nil && spare.weight >= min(int64(len(e.bytes)), r.share) {
		spare.shrink(len(e.bytes))
		spare = nil
	} else if reserved = r.tryReserve(caller, len(e.bytes)); reserved == nil {
		return spare, false
	}
	if e.holders == nil {
		e.holders = map[string]*messageHolder{}
	}
	e.holders[caller] = &messageHolder{reservation: reserved, watches: 1}
	return spare, true
}

// letGo gives the room back when no watch of the caller needs it any more.
func (e *encodedMessage) letGo(caller string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.holders[caller]
	if h.watches--; h.watches == 0 {
		h.reservation.release()
		delete(e.holders, caller)
	}
}

// sentMessage is a message on its way to one watcher.
type sentMessage struct {
	*encodedMessage
	unread *unreadMessages
}

// unreadMessages are the messages of one watch that gRPC holds until the caller makes room for them. gRPC does so
// even when the watch has ended: a connection that has not taken them by [takeTime] after that is ended, since nothing
// less makes gRPC forget them.
type unreadMessages struct {
	room       *room
	caller     string
	connection disconnector // nil: one in memory

	mu    sync.Mutex
	count int
	large []*encodedMessage // there is room for them
	timer *time.Timer       // set when the watch has ended
}

var _ mem.BufferPool = (*unreadMessages)(nil)

func newUnreadMessages(ctx context.Context, r *room) *unreadMessages {
	u := &unreadMessages{room: r, caller: callerName(ctx)}
	if p, ok := peer.FromContext(ctx); ok {
		u.connection, _ = p.Addr.(disconnector)
	}
	return u
}

// withRoom reads what a watch is to be sent next, and makes room for it. Nobody waits for room with a large message
// at hand: it is read anew when there is room.
func withRoom[T any](ctx context.Context, u *unreadMessages, read func() (T, *encodedMessage, error)) (T, error) {
	var spare *reservation
	for {
		v, encoded, err := read()
		ok := err != nil || encoded == nil || len(encoded.bytes) <= largeMessage
		if !ok {
			spare, ok = u.hold(encoded, spare)
		}
		if spare != nil {
			spare.release()
			spare = nil
		}
		if ok {
			return v, err
		}
		if spare, err = u.room.reserve(ctx, u.caller, len(encoded.bytes)); err != nil {
			var none T
			return none, err
		}
	}
}

// hold makes room for a large message; see [encodedMessage.hold].
func (u *unreadMessages) hold(e *encodedMessage, spare *reservation) (rest *reservation, ok bool) {
	if rest, ok = e.hold(u.room, u.caller, spare); ok {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.large = append(u.large, e)
	}
	return rest, ok
}

// add counts a message that gRPC holds from now on.
func (u *unreadMessages) add() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count++
}

// Put is called by gRPC when it has written a message, or the stream has been cancelled. It is not called for what is
// unwritten when a connection ends. Get is not called.
func (u *unreadMessages) Put(encoded *[]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if i := slices.IndexFunc(u.large, func(e *encodedMessage) bool { return &e.bytes == encoded }); i >= 0 {
		u.large[i].letGo(u.caller)
		u.large = slices.Delete(u.large, i, i+1)
	}
	if u.count--; u.count == 0 && u.timer != nil {
		u.timer.Stop()
	}
}
func (u *unreadMessages) Get(int) *[]byte { return nil }

// end has to be called when the watch ends, with the context of its stream.
func (u *unreadMessages) end(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	// A caller that has cancelled the call, or has gone, needs nothing any more.
	if u.count == 0 || errors.Is(context.Cause(ctx), context.Canceled) {
		u.forget()
		return
	}
	u.timer = time.AfterFunc(takeTime, u.giveUp)
}

// giveUp ends the connection of a watch that has ended a while ago, and whose messages are still unread.
func (u *unreadMessages) giveUp() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count > 0 && u.connection != nil {
		u.connection.Disconnect()
	}
	u.forget()
}

// forget gives back all room. u.mu has to be held.
func (u *unreadMessages) forget() {
	for _, e := range u.large {
		e.letGo(u.caller)
	}
	u.large = nil
}
