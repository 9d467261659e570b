package attack

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/loopback"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// service is a `stoker serve` that is attacked. Its platform does not answer.
type service struct {
	grpc, http, admin, web string
	log                    string // the file
	pid                    int
	batch                  string
}

// newService starts a service, and submits a batch of so many jobs.
func newService(t *testing.T, binary string, jobs int) *service {
	t.Helper()
	dir := t.TempDir()
	at := loopback.Addresses(t, 4)
	s := &service{grpc: at[0], http: at[1], admin: at[2], web: at[3], log: filepath.Join(dir, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--listen", s.grpc, "--http-listen", s.http, "--admin-listen", s.admin, "--web-listen", s.web, "--db", filepath.Join(dir, "stoker.db"))
	cmd.Env = append(platform.Environ("http://127.0.0.1:1/v1"), "HOME="+dir)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have died of the attack, which the test has found
		_ = cmd.Wait()         // it was killed
		_ = log.Close()        // it was written to by the process
	})
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test is over
	req := &stokerv1.SubmitBatchRequest{DisplayName: "honest"}
	for n := range jobs {
		req.Jobs = append(req.Jobs, &stokerv1.JobSpec{
			Key: strconv.Itoa(n), Name: strings.Repeat("n", 200), InputPath: fmt.Sprintf("in/%0200d.mp4", n), OutputPath: fmt.Sprintf("out/%0200d", n),
		})
	}
	resp, err := stokerv1.NewBatchServiceClient(conn).SubmitBatch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	s.batch = resp.GetBatch().GetId()
	return s
}

// memory returns a figure of the memory of the process, in MiB: VmRSS, what it has, or VmHWM, the most that it
// has had.
func (s *service) memory(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		t.Fatalf("the service is gone: %v", err)
	}
	for line := range bytes.Lines(text) {
		if value, ok := strings.CutPrefix(string(line), name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n >> 10
		}
	}
	t.Fatalf("no %s in %s", name, text)
	return 0
}

// forgetPeak makes VmHWM begin anew.
func (s *service) forgetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// logSize is the size of the log, in bytes.
func (s *service) logSize(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(s.log)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// attacker is where attacks come from: another address than that of the honest client.
var attacker = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}

// dial opens a connection for an attack. It is closed when the test ends.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := attacker.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the service may have closed it
	return conn
}

// percentile returns the p-th percentile of durations.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(float64(len(all))*p))]
}
