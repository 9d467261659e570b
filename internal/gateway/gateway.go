package gateway

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"net/http"
)

// openAPI describes every call, for clients that are generated. It is made from the contract.
//
//go:embed openapi.yaml
var openAPI []byte

// Config is the configuration of [New].
type Config struct {
	// GRPC is the handler of the gRPC server.
	GRPC http.Handler
	// WithRequest has the server take the encoded message of a large request from the context of its call, once, and
	// not from the body.
	WithRequest func(ctx context.Context, take func() []byte) context.Context
	// Services are the full names of the services to serve, such as stoker.v1.BatchService. The others of
	// the gRPC server, for example reflection, cannot be reached.
	Services []string
	// Page has the files of the page.
	Page fs.FS
	// Listen is the host:port of the listener as it was configured.
	Listen string
	// URL is the address of the page behind a proxy; empty if there is none.
	URL string
}

// New makes the handler that serves services and page.
func New(c Config) (http.Handler, error) {
	calls, err := newCallHandler(c)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	page, err := newPageHandler(c.Page)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	own, err := newOwnNames(c.Listen, c.URL)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	origins, err := newOrigins(c.URL)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	page["/openapi.yaml"] = newPageFile("openapi.yaml", openAPI)
	packedCalls := withPacking(calls)
	route := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.owns(r.URL.Path) {
			packedCalls.ServeHTTP(w, r)
			return
		}
		if _, ok := page[r.URL.Path]; !ok && r.Method == http.MethodPost {
			calls.writeNoCall(w, r.URL.Path)
			return
		}
		page.ServeHTTP(w, r)
	})
	return withDeadlines(withPolicy(own.require("set --web-url to the address at which browsers reach it", origins.require(withLogin(calls, route))))), nil
}
