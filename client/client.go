package client

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// Options are the options of [Dial]. The zero value suits a server on the same machine.
type Options struct {
	// TLS secures the connection. Nil means plain text. [TLSFiles] makes it from files.
	TLS *tls.Config
	// Insecure allows plain text to another machine.
	Insecure bool
	// Token, if set, returns the token that proves who calls. It is called for each call, so that a token can be
	// replaced while the program runs. [TokenFile] reads it from a file.
	Token func() (string, error)
	// UserAgent names the program in the log of the server. Default "stoker-go".
	UserAgent string
	// MessageBytes is the largest request, in bytes, that [Client.Submit] sends without splitting
	// its list. It has to be less than the largest request that the server takes, by default
	// 32 MiB. Default 24 MiB.
	MessageBytes int
	// RetryTimeout is how long, from its first failure on, a call is repeated whose context has
	// no deadline. Default: until the context ends.
	RetryTimeout time.Duration
	// OnRepeat, if set, is called before each repeat of a call or a watch. Several goroutines may
	// call it at once.
	OnRepeat func(Repeat)
	// DialOptions are added to the client's own.
	DialOptions []grpc.DialOption
}

// Client is a connection to a server. Its methods may be called concurrently.
type Client struct {
	conn         *grpc.ClientConn
	batches      stokerv1.BatchServiceClient
	accounts     stokerv1.AccountServiceClient
	access       stokerv1.AccessServiceClient
	audit        stokerv1.AuditServiceClient
	notification stokerv1.NotificationServiceClient
	catalog      stokerv1.CatalogServiceClient
	submissions  stokerv1.SubmissionServiceClient
	messageBytes int
	retryTimeout time.Duration // 0: none
	onRepeat     func(Repeat)
}

// maxAnswer is the size of the largest answer that the client takes, in bytes.
const maxAnswer = 16 << 20

// Dial prepares a connection to the server at a gRPC target, for example "127.0.0.1:7070". It does not
// connect: the first call does, and fails if the server cannot be reached. Dial refuses plain text to
// another machine unless Insecure is set.
func Dial(target string, o Options) (*Client, error) {
	secure := insecure.NewCredentials()
	switch {
	case o.TLS != nil:
		secure = credentials.NewTLS(o.TLS)
	case !o.Insecure && !IsLoopback(target):
		return nil, fmt.Errorf("dial %s: refusing plain text to another machine: set TLS, or Insecure to allow it", target)
	}
	c := &Client{messageBytes: cmp.Or(o.MessageBytes, 24<<20), retryTimeout: o.RetryTimeout, onRepeat: o.OnRepeat}
	// By default, gRPC waits up to two minutes before it tries to connect again, and so would a
	// watch.
	connecting := backoff.Config{BaseDelay: time.Second, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longestReconnect}
	if o.Token != nil {
		o.DialOptions = append([]grpc.DialOption{grpc.WithPerRPCCredentials(bearer(o.Token))}, o.DialOptions...)
	}
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithUserAgent(cmp.Or(o.UserAgent, "stoker-go")),
		grpc.WithChainUnaryInterceptor(c.repeatCalls),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: connecting, MinConnectTimeout: 20 * time.Second}),
	}, o.DialOptions...)
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	c.conn = conn
	c.access, c.audit = stokerv1.NewAccessServiceClient(conn), stokerv1.NewAuditServiceClient(conn)
	c.batches, c.accounts, c.catalog = stokerv1.NewBatchServiceClient(conn), stokerv1.NewAccountServiceClient(conn), stokerv1.NewCatalogServiceClient(conn)
	c.submissions, c.notification = stokerv1.NewSubmissionServiceClient(conn), stokerv1.NewNotificationServiceClient(conn)
	return c, nil
}

// IsLoopback reports whether only this machine can reach a gRPC target or an address to listen on.
func IsLoopback(target string) bool {
	if strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "unix-abstract:") {
		return true
	}
	if _, rest, ok := strings.Cut(target, ":///"); ok {
		target = rest
	}
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		host = strings.Trim(target, "[]")
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// Batches is the generated client of BatchService. Its calls are repeated as the package comment
// says. WatchBatch and WatchBatches are not repeated; use [Client.Watch] and [Client.WatchBatches].
func (c *Client) Batches() stokerv1.BatchServiceClient { return c.batches }

// Accounts is the generated client of AccountService. Its calls are repeated as the package comment
// says.
func (c *Client) Accounts() stokerv1.AccountServiceClient { return c.accounts }

// Catalog is the generated client of CatalogService. Its calls are repeated as the package comment
// says.
func (c *Client) Catalog() stokerv1.CatalogServiceClient { return c.catalog }

// Submissions is the generated client of SubmissionService. Its calls are repeated as the package comment
// says.
func (c *Client) Submissions() stokerv1.SubmissionServiceClient { return c.submissions }

// Access is the generated client of AccessService. Its calls are repeated as the package comment says.
func (c *Client) Access() stokerv1.AccessServiceClient { return c.access }

// Audit is the generated client of AuditService. Its calls are repeated as the package comment says.
func (c *Client) Audit() stokerv1.AuditServiceClient { return c.audit }

// Notifications is the generated client of NotificationService. Its calls are repeated as the package comment says.
func (c *Client) Notifications() stokerv1.NotificationServiceClient { return c.notification }

// Close ends the connection and every call on it.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && status.Code(err) != codes.Canceled {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}
