package provision

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

const (
	// PermissionRecheck is how long a batch waits before the platform is asked again whether it may
	// write to an output to which it may not.
	PermissionRecheck = 5 * time.Minute
	// permissionMemory is how old a good answer may be when a batch is submitted or resumed. It holds
	// for the whole batch then.
	permissionMemory = time.Hour
	// permissionTries is how often in a row the check may fail without an answer before jobs are
	// configured without it, for the time of permissionPatience: no job waits for ever for a check.
	permissionTries    = 3
	permissionPatience = time.Minute
	// permissionsKept is how many answers are kept. Beyond it those that are older than
	// permissionMemory are forgotten: a batch of which one is missing asks once more.
	permissionsKept = 1000
)

// PermissionError says that the platform may not write to an output. Every job that it encoded would
// be paid for and lost.
type PermissionError struct {
	Path   string // below which it may not write; empty: anywhere
	Reason string // in the platform's words
}

func (e PermissionError) Error() string {
	where := "the output"
	if e.Path != "" {
		where = fmt.Sprintf("%q on the output", e.Path)
	}
	return fmt.Sprintf("the platform may not write to %s, and nothing is started before it may: %s", where, e.Reason)
}

// permissionChecker asks the platform whether it may write to outputs, and remembers the answers. It is
// safe for concurrent use.
type permissionChecker struct {
	api   OutputAPI
	clock clock.Clock
	log   *slog.Logger
	calls singleflight.Group

	mu      sync.Mutex
	answers map[permissionKey]permissionAnswer
	said    bool // that the check is not available
}

// permissionKey says for what an answer holds.
type permissionKey struct {
	output bitmovin.OutputID
	scope  string // a base path, or a batch whose output has none
}

// permissionAnswer is the latest answer about an output.
type permissionAnswer struct {
	err      error // a PermissionError; nil: nothing speaks against writing
	asked    time.Time
	failures int // checks without an answer, in a row
}

// holds reports whether the answer is good enough for a batch that was submitted or resumed at a time.
func (a permissionAnswer) holds(since, now time.Time) bool {
	switch {
	case a.asked.IsZero():
		return false
	case a.failures > 0:
		return a.failures >= permissionTries && now.Before(a.asked.Add(permissionPatience))
	case a.err == nil:
		return since.Before(a.asked.Add(permissionMemory))
	}
	return now.Before(a.asked.Add(PermissionRecheck)) && !since.After(a.asked)
}

// check returns a [PermissionError] if the platform says that it may not write below a path, which
// stands for all of key. since is when the batch was submitted or resumed: the platform is asked again
// if its latest answer was no and came before, or was given an hour before. After a no it is asked
// every five minutes. An answer that says nothing of rights counts as yes.
func (c *permissionChecker) check(ctx context.Context, key permissionKey, path string, since time.Time) error {
	c.mu.Lock()
	known := c.answers[key]
	c.mu.Unlock()
	if known.holds(since, c.clock.Now()) {
		return known.err
	}
	_, err, _ := c.calls.Do(string(key.output)+" "+key.scope, func() (any, error) {
		answer, err := retryThrottled(ctx, func() (bitmovin.PermissionCheck, error) { return c.api.CheckPermissions(ctx, key.output, path) })
		return nil, c.note(ctx, key, path, answer, err)
	})
	return err
}

// note remembers an answer, and returns the error for the job.
func (c *permissionChecker) note(ctx context.Context, key permissionKey, path string, answer bitmovin.PermissionCheck, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest := permissionAnswer{asked: c.clock.Now()}
	if len(c.answers) >= permissionsKept {
		maps.DeleteFunc(c.answers, func(_ permissionKey, a permissionAnswer) bool {
			return latest.asked.After(a.asked.Add(permissionMemory))
		})
	}
	switch {
	case err == nil && answer.Passed != nil && !*answer.Passed:
		latest.err = PermissionError{Path: path, Reason: job.Shorten(answer.FailureReason, job.MaxReason)}
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil && mayAnswerLater(err):
		if latest.failures = c.answers[key].failures + 1; latest.failures < permissionTries {
			c.answers[key] = latest
			return err
		}
		c.sayUnavailable(ctx, err)
	case err != nil:
		c.sayUnavailable(ctx, err)
	}
	c.answers[key] = latest
	return latest.err
}

// mayAnswerLater reports whether the error of a check says nothing of the check itself.
func mayAnswerLater(err error) bool {
	return bitmovin.Outage(err) && !bitmovin.Forbidden(err) && !bitmovin.NotImplemented(err)
}

// sayUnavailable logs once that rights cannot be checked. The caller holds c.mu.
func (c *permissionChecker) sayUnavailable(ctx context.Context, err error) {
	if c.said {
		return
	}
	c.said = true
	c.log.WarnContext(ctx, "the platform does not tell whether it may write to an output; jobs are started without that", "err", err)
}

// checkOutput checks that the platform may write to the output of a batch, before anything of its jobs
// is paid for. It asks about the base path of the storage. Without one it asks, once for each batch,
// about the directory of one job.
func (p *Provisioner) checkOutput(ctx context.Context, b *job.Batch, s Shared, outputPath string) error {
	storage, _ := p.storage(kindOutput, b.Output.Name)
	if b.Output.ID == "" && (storage.SkipPermissionCheck || !checksPermissions(storage.Type)) {
		return nil
	}
	key, path := permissionKey{s.output, s.outputBase}, s.outputBase
	if path == "" {
		key.scope, path = "batch "+b.ID, job.OutputPath("", outputPath, "")
	}
	if err := p.permissions.check(ctx, key, path, b.StateTime); err != nil {
		return SharedError{fmt.Errorf("storage %q: %w", b.Output.Name+b.Output.ID, err)}
	}
	return nil
}

// checksPermissions reports whether the platform may have a check of rights for a type of output.
func checksPermissions(t bitmovin.StorageType) bool {
	return t == bitmovin.StorageS3 || t == bitmovin.StorageS3RoleBased
}

// CheckOutput asks the platform whether it may write to a configured output, whatever it has answered before. The
// output is made at the platform if it is not there yet. No job waits for the answer.
func (p *Provisioner) CheckOutput(ctx context.Context, name string) (bitmovin.PermissionCheck, error) {
	var s Shared
	if err := p.ensureOutput(ctx, &s, job.StorageRef{Name: name}); err != nil {
		return bitmovin.PermissionCheck{}, err
	}
	return p.platform.CheckPermissions(ctx, s.output, s.outputBase)
}
