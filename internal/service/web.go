package service

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/gateway"
	"github.com/stokerd/stoker/web"
)

// newWebServer makes the server of the page, and of the services of g as JSON over HTTP.
//
// There is no time limit for a whole request or answer: a watch lasts for hours, and a large submission takes
// its time. The gateway has limits for each part of them.
func newWebServer(cfg *config.Config, g *grpc.Server, log *slog.Logger) (*http.Server, error) {
	handler, err := gateway.New(gateway.Config{
		GRPC: g, Services: ownServices(g), Page: web.Files(), Listen: cfg.WebListen, URL: cfg.WebURL,
	})
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // for gRPC
	return &http.Server{
		Handler: handler, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1_000, SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second,
			MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}, nil
}

// ownServices are the names of the services of g that the contract has.
func ownServices(g *grpc.Server) []string {
	var names []string
	for name := range g.GetServiceInfo() {
		if strings.HasPrefix(name, "stoker.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
