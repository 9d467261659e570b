package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/transcript"
)

// TestClients checks the same of every program: it submits, prints what is wrong with a request,
// cancels, and watches although the service and the program itself are killed.
func TestClients(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			p.prepare(t, p.dir)
			s := newService(t, p.web)
			t.Run("errors", func(t *testing.T) { testErrors(t, p, s) })
			t.Run("cancel", func(t *testing.T) { testCancel(t, p, s) })
			t.Run("watch", func(t *testing.T) { testWatch(t, p, s) })
			if !p.web { // the proxy is one for gRPC
				t.Run("proxy", func(t *testing.T) { testProxy(t, p, s) })
			}
		})
	}
}

func testErrors(t *testing.T, p program, s *service) {
	got := p.run(t, s.address, "submit", request(t, `{"jobs": [{"key": "a", "output_path": "/out"}, {"key": "a", "input_path": "in", "output_path": "b"}]}`))
	for _, want := range []string{"jobs[0].input_path: is required", "jobs[0].output_path: ", "jobs[1].key: "} {
		if got.code != 2 || !strings.Contains(got.stderr, want) {
			t.Errorf("a wrong request: exit code %d and\n%s\nwant 2 and %q", got.code, got.stderr, want)
		}
	}
	// gRPC takes fewer headers in some languages than in others, and an error is headers.
	got = p.run(t, s.address, "submit", request(t, `{"jobs": [`+strings.Repeat(`{"output_path": "/out"}, `, 500)+`{}]}`))
	for _, want := range []string{"jobs[0].input_path: is required", "\nand ", " more\n"} {
		if got.code != 2 || !strings.Contains(got.stderr, want) {
			t.Errorf("a request with everything wrong: exit code %d and\n%s\nwant 2 and %q", got.code, got.stderr, want)
		}
	}
	got = p.run(t, s.address, "submit", request(t, `{"jobs": [`))
	if got.code != 2 || !strings.Contains(got.stderr, "request.json: ") || strings.Contains(got.stderr, "Traceback") || strings.Contains(got.stderr, "    at ") {
		t.Errorf("a request that is no JSON: exit code %d and %q", got.code, got.stderr)
	}
	got = p.run(t, s.address, "cancel", "nothing")
	if got.code != 1 || !strings.Contains(got.stderr, `batch "nothing" was not found (NOT_FOUND)`) {
		t.Errorf("cancel of nothing: exit code %d and %q", got.code, got.stderr)
	}
	got = p.run(t, "127.0.0.1:1", "cancel", "nothing")
	if got.code != 1 || got.stderr == "" || strings.Contains(got.stderr, "Traceback") {
		t.Errorf("no server: exit code %d and %q", got.code, got.stderr)
	}
}

func testCancel(t *testing.T, p program, s *service) {
	batch := submit(t, p, s, `{"jobs": [{"key": "a", "input_path": "in/long.mp4", "output_path": "out/a"}, {"key": "b", "input_path": "in/long.mp4", "output_path": "out/b"}]}`)
	if got := p.run(t, s.address, "cancel", batch+"/1", "wrong file"); got.code != 0 || !strings.HasPrefix(got.stdout, "JOB_STATE_CANCEL") {
		t.Fatalf("cancel of a job: %+v", got)
	}
	if got := p.run(t, s.address, "cancel", batch); got.code != 0 || !strings.HasPrefix(got.stdout, "BATCH_STATE_CANCEL") {
		t.Fatalf("cancel of a batch: %+v", got)
	}
	watched := p.run(t, s.address, "watch", batch)
	h := newPrinted(t)
	for line := range strings.Lines(watched.stdout) {
		h.add(line)
	}
	if watched.code != 1 || h.state["a"] != "JOB_STATE_CANCELLED" || h.reason["a"] != "wrong file" || h.state["b"] != "JOB_STATE_CANCELLED" {
		t.Errorf("watch of a cancelled batch: exit code %d, states %v, reasons %v", watched.code, h.state, h.reason)
	}
}

// testWatch kills the service twice during one watch, and kills another watch, which starts again with
// its cursor. The batch does not end before that: its last job runs until it is cancelled.
func testWatch(t *testing.T, p program, s *service) {
	const jobs = 60
	var list []string
	for n := range jobs {
		list = append(list, fmt.Sprintf(`{"key": "k-%d", "input_path": "in/%d.mp4", "output_path": "%s/%d"}`, n, n, p.name, n))
	}
	list = append(list, fmt.Sprintf(`{"key": "last", "input_path": "in/long.mp4", "output_path": "%s/last"}`, p.name))
	batch := submit(t, p, s, `{"display_name": "night run", "jobs": [`+strings.Join(list, ", ")+`]}`)

	killed := newPrinted(t)
	cursor := filepath.Join(t.TempDir(), "cursor")
	killed.watch(p, s, 4, func() bool { return true }, batch, cursor)

	lasting := newPrinted(t)
	deaths := 0
	code := lasting.watch(p, s, 3, func() bool {
		if deaths == 2 {
			return false
		}
		s.kill()
		s.start()
		if deaths++; deaths == 2 {
			last := fmt.Sprintf("%s/%d", batch, jobs+1)
			if got := p.run(t, s.address, "cancel", last); got.code != 0 {
				t.Errorf("cancel of the last job: %+v", got)
				return true
			}
		}
		return false
	}, batch)
	if code != 0 || lasting.snapshots != 1 || deaths != 2 {
		t.Errorf("a watch through %d deaths of the service: exit code %d, %d snapshots; want 0 and 1", deaths, code, lasting.snapshots)
	}

	killed.repeats = true // its cursor may be older than its last message
	if code := killed.watch(p, s, jobs*10, func() bool { return true }, batch, cursor); code != 0 || killed.snapshots != 1 {
		t.Errorf("a watch begun again: exit code %d, %d snapshots; want 0 and 1", code, killed.snapshots)
	}
	for n := range jobs {
		key := fmt.Sprintf("k-%d", n)
		if lasting.state[key] != "JOB_STATE_SUCCEEDED" || killed.state[key] != "JOB_STATE_SUCCEEDED" {
			t.Errorf("job %s was last seen %q and %q", key, lasting.state[key], killed.state[key])
		}
	}
	// After the cursor of the end no message follows.
	if again := p.run(t, s.address, "watch", batch, cursor); again.code != 0 || again.stdout != "" {
		t.Errorf("a watch from the end: %+v", again)
	}
}

func submit(t *testing.T, p program, s *service, text string) string {
	t.Helper()
	got := p.run(t, s.address, "submit", request(t, text))
	if got.code != 0 || got.stdout == "" {
		t.Fatalf("submit: %+v", got)
	}
	return strings.TrimSpace(got.stdout)
}

// request is a file with a request.
func request(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// printed is the output of a watcher.
type printed struct {
	t         *testing.T
	repeats   bool // a job may be printed twice
	snapshots int
	state     map[string]string
	reason    map[string]string
	told      map[string]bool
}

func newPrinted(t *testing.T) *printed {
	return &printed{t: t, state: map[string]string{}, reason: map[string]string{}, told: map[string]bool{}}
}

// add reads one line of a watcher's output.
func (h *printed) add(line string) {
	h.t.Helper()
	var m struct {
		Snapshot bool
		Jobs     []struct {
			Key, State, Reason string
			Progress           int
			Update             json.RawMessage `json:"update_time"`
		}
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		h.t.Fatalf("%q: %v", line, err)
	}
	if m.Snapshot {
		h.snapshots++
	}
	for _, j := range m.Jobs {
		told := fmt.Sprint(j.Key, " ", j.State, " ", j.Progress, " ", string(j.Update))
		if h.told[told] && !h.repeats {
			h.t.Errorf("seen twice: %s", told)
		}
		h.told[told] = true
		h.state[j.Key], h.reason[j.Key] = j.State, j.Reason
	}
}

// watch runs a watch. After every so many messages it calls do, and kills the watch if
// that returns true. It returns the exit code of the watch.
func (h *printed) watch(p program, s *service, every int, do func() bool, args ...string) int {
	h.t.Helper()
	cmd := p.start(h.t, s.address, append([]string{"watch"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 4<<20)
	messages := 0
	for lines.Scan() {
		messages++
		h.add(lines.Text())
		if messages%every == 0 && do() {
			_ = cmd.Process.Kill() // it may have ended
			break
		}
	}
	_ = cmd.Wait() // the exit code says it
	transcript.Add(h.t, "$ %s\n(%d messages, %v)", p.says(append([]string{"watch"}, args...)), messages, cmd.ProcessState)
	return cmd.ProcessState.ExitCode()
}
