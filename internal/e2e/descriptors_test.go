package e2e

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// Callers who open as many connections as they can do not take the file descriptors away that the service needs
// itself: batches are taken and encoded meanwhile, and when the connections end new ones are served.
func TestFewDescriptors(t *testing.T) {
	sim := &simulator.Simulator{Unlimited: true, Encoders: 4, Duration: 50 * time.Millisecond}
	s := newService(t, platform.Serve(t, sim))
	p := startCommand(t, s.env, exec.Command("sh", "-c", `ulimit -n 160 && exec "$0" serve`, binary(t)))
	if _, ok := p.hears("fewer connections than limits.connections are taken"); !ok {
		t.Fatalf("the service did not say that the limit is low: exit code %d", p.wait(processTimeout))
	}
	if _, ok := p.hears(`"msg":"listening"`); !ok {
		t.Fatalf("the service did not start: exit code %d", p.wait(processTimeout))
	}
	first := s.submit([]string{"well/1.mov"}, time.Minute) // opens the connection of the client
	var open []net.Conn
	for range 300 {
		conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	second := s.submit([]string{"well/2.mov", "well/3.mov"}, time.Minute)
	for _, batch := range []string{first, second} {
		if last := <-s.follow(batch).done; last.GetState() != stokerv1.BatchState_BATCH_STATE_SUCCEEDED {
			t.Errorf("the batch ended as %v", last)
		}
	}
	for _, conn := range open {
		_ = conn.Close() // the service has closed most of them
	}
	if code, _, stderr := s.user().types("queue"); code != 0 {
		t.Errorf("a new caller after the others have gone: exit code %d: %s", code, stderr)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(graceful); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
