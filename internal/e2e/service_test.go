package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/client"
	"github.com/stokerd/stoker/internal/testkit/loopback"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// service is `stoker serve` on one job table and one address. It can be ended and run again: each of its
// processes is a life of the service.
type service struct {
	t       *testing.T
	env     []string
	db      string
	address string         // of gRPC, the same in every life
	client  *client.Client // connects again after a restart
	lost    atomic.Int64   // calls that client repeated because their answer was lost
}

// newService prepares a service on a platform at url; settings are environment variables. The service does
// not run yet.
func newService(t *testing.T, url string, settings ...string) *service {
	t.Helper()
	addresses := loopback.Addresses(t, 2) // the same after a restart, since clients know them
	s := &service{t: t, db: filepath.Join(t.TempDir(), "stoker.db"), address: addresses[0]}
	s.env = append(platform.Environ(url),
		"STOKER_LISTEN="+s.address, "STOKER_HTTP_LISTEN=127.0.0.1:0", "STOKER_WEB_LISTEN="+addresses[1], "STOKER_ADMIN_LISTEN=127.0.0.1:0", "STOKER_LOG_FORMAT=json", "STOKER_DB="+s.db)
	s.env = append(s.env, settings...)
	soon := backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond}
	var err error
	s.client, err = client.Dial(s.address, client.Options{
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: soon, MinConnectTimeout: time.Second})},
		OnRepeat: func(r client.Repeat) {
			if r.Lost {
				s.lost.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.client.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run starts a life of the service and waits until it listens.
func (s *service) run() *process {
	s.t.Helper()
	p := start(s.t, s.env, "serve")
	if _, ok := p.hears(`"msg":"listening"`); !ok {
		s.t.Fatalf("the service did not start: exit code %d", p.wait(processTimeout))
	}
	return p
}

// simulation is `stoker simulate`, seen from outside.
type simulation struct {
	t    *testing.T
	url  string // of the API
	home string // of its pages
}

// simulate runs a simulator as a process.
func simulate(t *testing.T, args ...string) *simulation {
	t.Helper()
	p := start(t, nil, append([]string{"simulate", "--listen", "127.0.0.1:0"}, args...)...)
	line, ok := p.hears("http://")
	if !ok {
		t.Fatalf("the simulator did not start: exit code %d", p.wait(processTimeout))
	}
	url := line[strings.Index(line, "http://"):]
	return &simulation{t: t, url: url, home: strings.TrimSuffix(url, "/v1") + "/simulator/"}
}

func (s *simulation) page(name string, into any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.home+name, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		s.t.Fatalf("simulator page %s: %s: %v", name, response.Status, err)
	}
}

// Encodings returns every encoding that was not deleted.
func (s *simulation) Encodings() (all []simulator.Encoding) {
	s.t.Helper()
	s.page("encodings", &all)
	return all
}

// Ledger returns every call.
func (s *simulation) Ledger() (all []simulator.Entry) {
	s.t.Helper()
	s.page("ledger", &all)
	return all
}

// Stats returns the totals.
func (s *simulation) Stats() (stats simulator.Stats) {
	s.t.Helper()
	s.page("stats", &stats)
	return stats
}
