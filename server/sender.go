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
	sent   chan error  // of the message that is being sent; capacity 1
	time   *time.Timer // that it may take
}

func newSender(stream grpc.ServerStream, h *hub) *sender {
	return &sender{stream: stream, hub: h, sent: make(chan error, 1), time: time.NewTimer(sendTimeout)}
}

// send sends one message. The error is errSlowReader if the client does not make room for the message within
// [sendTimeout]. After an error the handler has to return.
func (s *sender) send(m any) error {
	// A blocked SendMsg ends with the stream's context, which ends when the handler returns.
	go func() { s.sent <- s.stream.SendMsg(m) }()
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
