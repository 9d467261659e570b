package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// NewHTTPServer makes an HTTP server that lets nobody hold it for long: whoever is slow to send or to read is
// cut off. Handlers stream nothing. With TLS unless c is nil; the server has to be started by [ServeHTTP].
func (c *Certificates) NewHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler: handler, ReadTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		// What strangers do wrong is not worth a line each.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if c != nil {
		s.TLSConfig = c.HTTP()
	}
	return s
}

// ServeHTTP serves until the server is closed, with TLS if s has it.
func ServeHTTP(s *http.Server, l net.Listener) error {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
