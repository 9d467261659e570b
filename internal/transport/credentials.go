package transport

import (
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Credentials returns how a gRPC server greets connections: with TLS, or in plain text if c is nil.
func (c *Certificates) Credentials() credentials.TransportCredentials {
	inner := insecure.NewCredentials()
	if c != nil {
		inner = credentials.NewTLS(c.gRPC())
	}
	return serverCredentials{inner}
}

// serverCredentials watches the frames of each connection after its handshake.
type serverCredentials struct {
	credentials.TransportCredentials
}

func (c serverCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	var address frameBudget
	if bounded, ok := raw.(*boundedConn); ok {
		address = bounded.frames
	}
	return newFrameGuard(conn, address), info, nil
}

func (c serverCredentials) Clone() credentials.TransportCredentials {
	return serverCredentials{c.TransportCredentials.Clone()}
}
