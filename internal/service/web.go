package service

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/gateway"
	"github.com/stokerd/stoker/server"
	"github.com/stokerd/stoker/web"
)

// newWebServer makes the server of the page, and of all services as JSON over HTTP.
//
// There is no time limit for a whole request or answer: a watch lasts for hours, and a large submission takes
// its time. The gateway has limits for each part of them.
func (s *Service) newWebServer(cfg *config.Config) (*http.Server, error) {
	handler, err := gateway.New(gateway.Config{
		GRPC: s.grpc, WithRequest: server.WithRequest, Services: ownServices(s.grpc), Page: web.Files(), Listen: cfg.WebListen, URL: cfg.WebURL,
	})
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // for gRPC
	own := s.certificates.NewHTTPServer(handler, s.log)
	own.Protocols = protocols
	own.ReadTimeout, own.WriteTimeout = 0, 0
	own.ReadHeaderTimeout, own.IdleTimeout, own.MaxHeaderBytes = 10*time.Second, 2*time.Minute, 64<<10
	own.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: 1_000, SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second,
		MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
	}
	return own, nil
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
