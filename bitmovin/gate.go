package bitmovin

import "context"

type gateKey struct{}

// WithGate returns a context whose calls leave only while gate has not ended. A call that waits for the rate limit then
// ends at once, unsent; one that is on the wire goes on.
func WithGate(ctx, gate context.Context) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// passGate waits for the rate limit, as long as the gate of ctx is open.
func passGate(ctx context.Context, g *Governor, cl call) (ticket uint64, err error) {
	gate, ok := ctx.Value(gateKey{}).(context.Context)
	if !ok {
		return g.acquire(ctx, cl.class, cl.urgency)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(gate, func() { stop(context.Cause(gate)) })()
	ticket, err = g.acquire(ctx, cl.class, cl.urgency)
	if err == nil && gate.Err() != nil {
		err = context.Cause(gate)
	}
	return ticket, err
}
