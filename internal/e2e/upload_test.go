package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/testkit/platform"
)

// TestUpload submits a list that is too long for one message, while client and service are interrupted
// and killed. In the end there is one batch, with every job of the list once, in the order of the list.
func TestUpload(t *testing.T) {
	t.Parallel()
	s := newService(t, platform.Serve(t, &simulator.Simulator{Duration: time.Hour}))
	life := s.run()
	if _, err := s.client.Accounts().PauseAccount(t.Context(), &stokerv1.PauseAccountRequest{AccountId: "default"}); err != nil {
		t.Fatal(err)
	}
	const jobs, size = 14_000, 2_000 // some 28 MB, in fifteen parts
	file, keys := longList(t, jobs, size)
	g := newGate(t, s)
	env := []string{"STOKER_SERVER=" + g.address()}
	submit := func(more ...string) *process { return start(t, env, append([]string{"submit", file}, more...)...) }
	reach := func(p *process, shut <-chan struct{}) {
		t.Helper()
		select {
		case <-shut:
		case <-p.exited:
			t.Fatalf("the client ended before it was stopped:\n%s", p.said())
		}
	}

	// Everything is sent once to be checked before the first job is stored.
	shut := g.after(jobs*size + 5<<20)
	client := submit()
	reach(client, shut)
	client.signal(syscall.SIGINT)
	hint, _ := client.hears("stoker submit " + file + " --resume")
	if code := client.wait(processTimeout); code != 130 || hint == "" {
		t.Errorf("interrupted, the client ended with %d", code)
	}
	g.open()

	client = submit()
	refusal, _ := client.hears("an upload of this list is not finished: 1 long.csv has ")
	if code := client.wait(processTimeout); code != 2 || refusal == "" {
		t.Errorf("without --resume, the client ended with %d", code)
	}

	shut = g.after(5 << 20)
	client = submit("--resume")
	reach(client, shut)
	client.kill()
	g.open()

	shut = g.after(5 << 20)
	client = submit("--resume")
	reach(client, shut)
	life.kill()
	s.run()
	g.open()
	if code := client.wait(processTimeout); code != 0 {
		t.Errorf("the service restarted, the client ended with %d", code)
	}
	if code := submit("--resume").wait(processTimeout); code != 0 {
		t.Errorf("all being there, the client ended with %d", code)
	}

	page, err := s.client.Batches().ListBatches(t.Context(), &stokerv1.ListBatchesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.GetBatches()) != 1 {
		t.Fatalf("there are batches %v, want one", page.GetBatches())
	}
	b := page.GetBatches()[0]
	if b.GetState() != stokerv1.BatchState_BATCH_STATE_ACTIVE || b.GetCounts().GetWaiting() != jobs {
		t.Errorf("the batch is %v, want ACTIVE with %d jobs", b, jobs)
	}
	var got []string
	for _, j := range s.jobs(b.GetId()) {
		got = append(got, j.GetKey())
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("keys (-list +batch):\n%s", diff)
	}
}

// longList writes a list of so many jobs of about so many bytes each, and returns its
// name and the keys.
func longList(t *testing.T, jobs, size int) (file string, keys []string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("key,input_path,output_path\n")
	path := strings.Repeat("x", size/2-40)
	for i := range jobs {
		key := fmt.Sprintf("title-%05d", i)
		keys = append(keys, key)
		fmt.Fprintf(&text, "%s,in/%s/%d.mov,out/%s/%d\n", key, path, i, path, i)
	}
	file = filepath.Join(t.TempDir(), "long.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, keys
}
