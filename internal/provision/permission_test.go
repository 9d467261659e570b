package provision

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
)

// rightsPlatform is a platform that answers whether it may write.
type rightsPlatform struct {
	Platform
	mu     sync.Mutex
	paths  []string // that were asked for
	reason string   // why it may not write; empty: it may
	err    error    // the answer, if set
	silent bool     // the answer does not say
}

func (p *rightsPlatform) CheckPermissions(_ context.Context, id bitmovin.OutputID, path string) (bitmovin.PermissionCheck, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paths = append(p.paths, string(id)+" "+path)
	if p.err != nil || p.silent {
		return bitmovin.PermissionCheck{}, p.err
	}
	return bitmovin.PermissionCheck{Passed: new(p.reason == ""), FailureReason: p.reason}, nil
}

func (p *rightsPlatform) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.paths)
}

// newRights returns a provisioner whose output named s3 has a base path and whose output named flat has
// none.
func newRights(log *bytes.Buffer) (*rightsPlatform, *Provisioner) {
	platform := &rightsPlatform{}
	s3 := bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "b", AccessKey: "a", SecretKey: "s"}
	return platform, New(Config{
		Platform: platform, Store: &fakeStore{}, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Sources: Sources{Outputs: map[string]Storage{
			"s3":    {Storage: s3, BasePath: "base"},
			"flat":  {Storage: s3},
			"off":   {Storage: s3, SkipPermissionCheck: true},
			"azure": {Storage: bitmovin.Storage{Type: bitmovin.StorageAzure}},
		}},
	})
}

func outputBatch(id string, output job.StorageRef) *job.Batch {
	return &job.Batch{ID: id, Output: output, StateTime: time.Now()}
}

// The platform is asked about the base path, or else once for each batch about the first job's
// directory, and not again for an hour.
func TestPermissionsAreAskedOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		platform, p := newRights(&bytes.Buffer{})
		check := func(b *job.Batch, base, outputPath string) {
			t.Helper()
			if err := p.checkOutput(t.Context(), b, Shared{output: "o", outputBase: base}, outputPath); err != nil {
				t.Error(err)
			}
		}
		based, flat := outputBatch("a", job.StorageRef{Name: "s3"}), outputBatch("b", job.StorageRef{Name: "flat"})
		for range 3 {
			check(based, "base", "films/a")
			check(flat, "", "films/b")
			check(outputBatch("c", job.StorageRef{Name: "off"}), "", "films/c")
			check(outputBatch("d", job.StorageRef{Name: "azure"}), "", "films/d")
		}
		check(outputBatch("e", job.StorageRef{Name: "s3"}), "base", "films/e")
		check(outputBatch("f", job.StorageRef{ID: "o"}), "", "films/f")
		time.Sleep(2 * time.Hour)
		check(based, "base", "films/z") // the batch has been checked
		check(outputBatch("g", job.StorageRef{Name: "s3"}), "base", "films/g")
		want := "o base,o films/b,o films/f,o base"
		if got := strings.Join(platform.paths, ","); got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	})
}

// After a no, the platform is asked every five minutes, and at once for a batch that was resumed.
func TestDeniedPermissions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		platform, p := newRights(&bytes.Buffer{})
		platform.reason = "ACLs are disabled for the bucket"
		b := outputBatch("a", job.StorageRef{Name: "s3"})
		check := func() error { return p.checkOutput(t.Context(), b, Shared{output: "o", outputBase: "base"}, "films/a") }
		for range 10 * 60 {
			err := check()
			denied, ok := errors.AsType[PermissionError](err)
			if _, shared := errors.AsType[SharedError](err); !ok || !shared || denied.Path != "base" || !strings.Contains(err.Error(), platform.reason) {
				t.Fatalf("got %v, want the platform's reason", err)
			}
			time.Sleep(time.Second)
		}
		if n := platform.asked(); n != 2 {
			t.Errorf("asked %d times in ten minutes, want 2", n)
		}
		if err := check(); err == nil {
			t.Error("no error at ten minutes")
		}
		platform.mu.Lock()
		platform.reason = ""
		platform.mu.Unlock()
		time.Sleep(time.Second)
		if err := check(); err == nil {
			t.Error("the mended right is seen at once, without a resume")
		}
		b.StateTime = time.Now() // resumed
		if err := check(); err != nil {
			t.Errorf("after the resume: %v", err)
		}
	})
}

// Answers that nobody needs any more are forgotten: of a platform that is asked for each batch, because
// the storage has no base path, no more are kept than some thousand.
func TestOldPermissionsAreForgotten(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		_, p := newRights(&bytes.Buffer{})
		for n := range 3 * permissionsKept {
			if n%permissionsKept == 0 {
				time.Sleep(2 * permissionMemory)
			}
			b := outputBatch(strconv.Itoa(n), job.StorageRef{Name: "s3"})
			if err := p.checkOutput(t.Context(), b, Shared{output: "o"}, "films/a"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(p.permissions.answers); n > permissionsKept {
			t.Errorf("%d answers are kept, want at most %d", n, permissionsKept)
		}
	})
}

// What the platform answers instead of yes or no keeps no job from being configured, and is said once.
func TestPermissionsNotAvailable(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		silent bool
		tries  int // that return the error
		said   bool
	}{
		"403":         {err: &bitmovin.APIError{Status: 403}, said: true},
		"404":         {err: &bitmovin.APIError{Status: 404}, said: true},
		"405":         {err: &bitmovin.APIError{Status: 405}, said: true},
		"501":         {err: &bitmovin.APIError{Status: 501}, said: true},
		"400":         {err: &bitmovin.APIError{Status: 400}, said: true},
		"HTML 501":    {err: &bitmovin.GatewayError{Status: 501}, said: true},
		"500":         {err: &bitmovin.APIError{Status: 500}, tries: 2, said: true},
		"no answer":   {err: &bitmovin.TransportError{Err: errors.New("cut")}, tries: 2, said: true},
		"says nought": {silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				platform, p := newRights(&log)
				platform.err, platform.silent = tt.err, tt.silent
				for _, id := range []string{"a", "b"} {
					b := outputBatch(id, job.StorageRef{Name: "flat"})
					for try := range 5 {
						err := p.checkOutput(t.Context(), b, Shared{output: "o"}, "films")
						if refused := try < tt.tries; refused != (err != nil) {
							t.Errorf("batch %s, try %d: %v", id, try, err)
						}
					}
				}
				if n, want := platform.asked(), 2*(1+tt.tries); n != want {
					t.Errorf("asked %d times, want %d", n, want)
				}
				if n := strings.Count(log.String(), "does not tell"); (n == 1) != tt.said || n > 1 {
					t.Errorf("said %d times", n)
				}
				if tt.tries == 0 {
					return
				}
				platform.err, platform.reason = nil, "no right"
				time.Sleep(permissionPatience)
				if err := p.checkOutput(t.Context(), outputBatch("a", job.StorageRef{Name: "flat"}), Shared{output: "o"}, "films"); err == nil {
					t.Error("an answer that comes later is not asked for")
				}
			})
		})
	}
}

// A call that is cut off by the end of the service says nothing of rights.
func TestPermissionCheckIsCutOff(t *testing.T) {
	platform, p := newRights(&bytes.Buffer{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	platform.err = &bitmovin.TransportError{Err: context.Canceled}
	b := outputBatch("a", job.StorageRef{Name: "flat"})
	for range 5 {
		if err := p.checkOutput(ctx, b, Shared{output: "o"}, "films"); err == nil {
			t.Error("no error")
		}
	}
	platform.err = nil
	if err := p.checkOutput(t.Context(), b, Shared{output: "o"}, "films"); err != nil {
		t.Error(err)
	}
}
