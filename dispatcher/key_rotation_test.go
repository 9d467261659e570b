package dispatcher

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// The API key of an account is replaced while its queue is full, in time or too late. No job loses an attempt,
// and none is started twice.
func TestKeyIsReplaced(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		name     string
		replaced time.Duration // when the file has the new key
		revoked  time.Duration // when the platform refuses the old one
		missing  time.Duration // for how long the file is missing before it has the new key
	}{
		{name: "in time", replaced: 4 * minute, revoked: 5 * minute},
		{name: "at the same moment", replaced: 4 * minute, revoked: 4 * minute},
		{name: "too late", replaced: 9 * minute, revoked: 4 * minute},
		{name: "without a file in between", replaced: 5 * minute, revoked: 6 * minute, missing: 2 * minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := &simulator.Simulator{Seed: 1, Encoders: 4, Duration: minute, APIKeys: []string{"old", "new"}}
			inWorld(t, sim, func(w *world) {
				began, file := time.Now(), filepath.Join(t.TempDir(), "key")
				w.apiKey = func() (string, error) {
					key, err := os.ReadFile(file)
					return string(key), err
				}
				refused := 0
				w.network = func(r *http.Request) (*http.Response, error) {
					if r.Header.Get("X-Api-Key") == "old" && time.Since(began) >= tt.revoked {
						refused++
						r = r.Clone(r.Context())
						r.Header.Set("X-Api-Key", "revoked")
					}
					return sim.Client().Transport.RoundTrip(r)
				}
				write := func(key string) {
					if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				write("old")
				w.run()
				b := w.submit(50, nil) // they take a quarter of an hour
				time.Sleep(tt.replaced - tt.missing)
				if tt.missing > 0 {
					if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
					time.Sleep(tt.missing)
				}
				write("new")
				b = w.awaitEnd(b.ID, 3*time.Hour)
				if b.State != job.BatchSucceeded {
					t.Errorf("batch is %s with %+v", b.State, b.Counts)
				}
				if early, late := tt.revoked > tt.replaced, tt.revoked < tt.replaced; early && refused > 0 || late && refused == 0 {
					t.Errorf("%d calls had the key that was revoked", refused)
				}
				w.usedOneAttemptEach(b)
				w.audit(b.ID)
			})
		})
	}
}
