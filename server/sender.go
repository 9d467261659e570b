package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
)

// sender sends the messages of a watch, one after the other.
type sender struct {
	stream grpc.ServerStream
	hub    *hub
	unread *unreadMessages
	sent   chan error  // of the message that is being sent; capacity 1
	time   *time.Timer // that it may take
}

// outgoing is a message of a watch.
type outgoing interface {
	encode() (*encodedMessage, error)
}

// newSender makes the sender of a watch. It has to be closed.
func newSender(stream grpc.ServerStream, s *Server) *sender {
	return &sender{stream: stream, hub: s.hub, unread: newUnreadMessages(stream.Context(), s.watching), sent: make(chan error, 1), time: time.NewTimer(sendTimeout)}
}

// close has to be called when the watch ends.
func (s *sender) close() { s.unread.end(s.stream.Context()) }

// send sends one message. The error is errSlowReader if the client does not make room for the message within
// [sendTimeout]. After an error the handler has to return.
func (s *sender) send(m outgoing) error {
	encoded, err := m.encode()
	if err != nil {
		return err
	}
	// A blocked SendMsg ends with the stream's context, which ends when the handler returns.
	go func() { s.sent <- s.stream.SendMsg(&sentMessage{encoded, s.unread}) }()
	s.time.Reset(sendTimeout)
	defer s.time.Stop()
	select {
	case err := <-s.sent:
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		return nil
	case <-s.time.C:
		return errSlowReader
	case <-s.stream.Context().Done(): // the caller may have been revoked while nothing is read
		return context.Cause(s.stream.Context())
	case <-s.hub.done:
		return s.hub.cause
	}
}
