package server

import "context"

// handedKey is the key of a request that is handed over with the context of its call.
type handedKey struct{}

// WithRequest returns the context of a call whose request is at hand: the server calls take, once, for the encoded
// message, and does not read the one that arrives with the call. So a large request that came by another way than gRPC
// is in memory once, and not in each of the buffers on the way here. The limits for requests hold for it as well.
func WithRequest(ctx context.Context, take func() []byte) context.Context {
	return context.WithValue(ctx, handedKey{}, take)
}

// receiveHanded is receiveBody for a request that is at hand; handed is false if none is.
func (in *incoming) receiveHanded(ctx context.Context) (body []byte, free func(), handed bool, err error) {
	take, ok := ctx.Value(handedKey{}).(func() []byte)
	if !ok || in.info.IsClientStream {
		return nil, nil, false, nil
	}
	body = take()
	free, err = in.admit(ctx, len(body), len(body))
	return body, free, true, err
}
