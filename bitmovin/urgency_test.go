package bitmovin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// crowd is calls that wait for one class, in the order in which they came.
type crowd struct {
	t      *testing.T
	g      *Governor
	wg     sync.WaitGroup
	mu     sync.Mutex
	served []string
}

// drained returns a governor that allows a start every other minute, the next one in two
// minutes.
func drained(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{t: t, g: NewGovernor(Limits{ClassStart: 1})}
	if err := acquire(t.Context(), c.g, ClassStart); err != nil {
		t.Fatal(err)
	}
	return c
}

// join has one more call wait, and returns when it stands in line.
func (c *crowd) join(ctx context.Context, name string, urgency urgency) {
	c.t.Helper()
	c.wg.Go(func() {
		_, err := c.g.acquire(ctx, ClassStart, urgency)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			name += ": " + err.Error()
		}
		c.served = append(c.served, name)
	})
	synctest.Wait()
}

// want waits until all have been served and compares the order.
func (c *crowd) want(names ...string) {
	c.t.Helper()
	c.wg.Wait()
	if diff := cmp.Diff(names, c.served); diff != "" {
		c.t.Errorf("served (-want +got):\n%s", diff)
	}
	b := c.g.bucketOf(ClassStart)
	if len(b.queue) != 0 || b.watched {
		c.t.Errorf("%d still stand in line, watched: %v", len(b.queue), b.watched)
	}
}

func TestGovernorServesTheMostUrgentFirst(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := drained(t)
		c.join(t.Context(), "prepare 1", urgencyPrepare)
		c.join(t.Context(), "list", urgencyList)
		c.join(t.Context(), "start", urgencyStart)
		c.join(t.Context(), "prepare 2", urgencyPrepare)
		c.join(t.Context(), "cancel 1", urgencyCancel)
		c.join(t.Context(), "cancel 2", urgencyCancel)
		c.want("cancel 1", "cancel 2", "start", "list", "prepare 1", "prepare 2")
	})
}

// However many urgent calls there are, nobody waits for ever; and however many have
// waited for long, an urgent call waits for one of them at most.
func TestGovernorStarvesNobody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassStart: 60})
		ctx, stop := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		var mu sync.Mutex
		var urgent []time.Time
		for range 2 { // more than the budget by themselves
			wg.Go(func() {
				for {
					if _, err := g.acquire(ctx, ClassStart, urgencyCancel); err != nil {
						return
					}
					mu.Lock()
					urgent = append(urgent, time.Now())
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		begin, waits := time.Now(), make([]time.Duration, 10)
		for i := range waits {
			wg.Go(func() {
				if err := acquire(ctx, g, ClassStart); err != nil {
					t.Error(err)
				}
				waits[i] = time.Since(begin)
			})
		}
		time.Sleep(3 * time.Minute)
		stop(errors.New("enough"))
		wg.Wait()
		slices.Sort(waits)
		if first, last := waits[0], waits[len(waits)-1]; first < overtakingLimit || last > 2*overtakingLimit {
			t.Errorf("calls that can wait left after %v to %v, want after %v and before %v", first, last, overtakingLimit, 2*overtakingLimit)
		}
		for i := 1; i < len(urgent); i++ {
			if gap := urgent[i].Sub(urgent[i-1]); gap > 3*time.Second { // one call each 1.1 s
				t.Errorf("an urgent call waited for %v", gap)
			}
		}
	})
}

// Whoever watches the clock may give up: the next one takes over, and nobody is lost.
func TestGovernorWatchIsHandedOver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := drained(t)
		c.join(ctx, "watcher", urgencyPrepare)
		c.join(ctx, "urgent", urgencyCancel)
		c.join(t.Context(), "prepare", urgencyPrepare)
		c.join(t.Context(), "start", urgencyStart)
		begin := time.Now()
		cancel(stop)
		synctest.Wait()
		c.mu.Lock()
		gone := slices.Sorted(slices.Values(c.served))
		c.served = nil
		c.mu.Unlock()
		if diff := cmp.Diff([]string{"urgent: stop", "watcher: stop"}, gone); diff != "" {
			t.Errorf("gave up (-want +got):\n%s", diff)
		}
		c.want("start", "prepare")
		// They have not waited for those who gave up: 0.5 calls a minute.
		if took := time.Since(begin); took > 4*time.Minute+time.Second {
			t.Errorf("two calls took %v", took)
		}
	})
}

// All but one of those that wait give up, at any moment and in any order: what is left
// is served.
func TestGovernorGivingUpLosesNobody(t *testing.T) {
	for keep := range 5 {
		bubble.Test(t, func(t *testing.T) {
			c := drained(t)
			var cancels []context.CancelCauseFunc
			for i := range 5 {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if i != keep {
					cancels = append(cancels, cancel)
				}
				c.join(ctx, "call", urgency(i%3))
			}
			for _, cancel := range cancels { // at once: they race with the hand-over
				cancel(context.Canceled)
			}
			c.wg.Wait()
			if served := slices.Index(c.served, "call"); served != 4 {
				t.Errorf("keeping %d: %v, want the one that stayed to be served last", keep, c.served)
			}
		})
	}
}

// A 429 while calls wait holds for all of them, also for one that comes later and is urgent.
func TestGovernorPauseHoldsForTheUrgent(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := drained(t)
		begin := time.Now()
		c.join(t.Context(), "prepare", urgencyPrepare) // in two minutes
		time.Sleep(90 * time.Second)
		c.g.observe(ClassStart, 1, headers("", "60"), true)
		c.join(t.Context(), "cancel", urgencyCancel)
		time.Sleep(59 * time.Second)
		c.mu.Lock()
		if len(c.served) > 0 {
			t.Errorf("served during the pause: %v", c.served)
		}
		c.mu.Unlock()
		c.want("cancel", "prepare")
		if took := time.Since(begin); took != 270*time.Second {
			t.Errorf("served after %v, want two minutes more than the pause took", took)
		}
	})
}

// In simulated time calls take turns, one at a time; nothing else is different.
func TestGovernorInSimulatedTime(t *testing.T) {
	s := clock.NewSimulation(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	begin := s.Now()
	g := NewGovernorWithClock(s, Limits{ClassStart: 60})
	var served []string
	var times []time.Time
	for _, call := range []struct {
		name    string
		urgency urgency
	}{{"p", urgencyPrepare}, {"s", urgencyStart}, {"c", urgencyCancel}} {
		for range 30 {
			s.Go(func() {
				if _, err := g.acquire(t.Context(), ClassStart, call.urgency); err != nil {
					t.Error(err)
				}
				served, times = append(served, call.name), append(times, s.Now())
			})
		}
	}
	for s.Step(begin.Add(time.Hour)) {
	}
	if got := maxInWindow(times); got > 60 || len(times) != 90 {
		t.Errorf("%d calls served, %d within a minute", len(times), got)
	}
	order := strings.Join(served, "")
	// A burst of six came before there was anybody to compare with; then the urgent go
	// first until the others' patience is at its end.
	if want := strings.Repeat("p", 6) + strings.Repeat("c", 30) + strings.Repeat("s", 20); !strings.HasPrefix(order, want) {
		t.Errorf("served %s, want %s first", order, want)
	}
}

// A simulation may be closed while calls wait: all of them end, with errors.
func TestGovernorInAClosedSimulation(t *testing.T) {
	s := clock.NewSimulation(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	g := NewGovernorWithClock(s, Limits{ClassStart: 1})
	refused := 0
	for i := range 10 {
		s.Go(func() {
			if _, err := g.acquire(t.Context(), ClassStart, urgency(i%3)); err != nil {
				refused++
			}
		})
	}
	for s.Step(s.Now()) {
	}
	s.Close()
	if b := g.bucketOf(ClassStart); refused != 9 || len(b.queue) != 0 || b.watched {
		t.Errorf("%d calls ended with an error, want 9; %d still stand in line", refused, len(b.queue))
	}
}

// What kind of call it is decides how urgent it is.
func TestCallsByUrgency(t *testing.T) {
	ask := func(l EncodingQuery) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error {
			for _, err := range c.Encodings(ctx, l) {
				return err
			}
			return nil
		}
	}
	type step struct {
		name string
		call func(context.Context, *Client) error
	}
	for _, tt := range []struct {
		class Class
		calls []step // as they come
		want  []string
	}{
		{
			class: ClassSubresource,
			calls: []step{
				{"delete", func(ctx context.Context, c *Client) error { return c.DeleteEncoding(ctx, "e") }},
				{"stream", func(ctx context.Context, c *Client) error { _, err := c.CreateStream(ctx, "e", Stream{}); return err }},
				{"reprioritize", func(ctx context.Context, c *Client) error { return c.Reprioritize(ctx, "e", 1) }},
				{"stop", func(ctx context.Context, c *Client) error { return c.StopEncoding(ctx, "e") }},
			},
			want: []string{"stop", "reprioritize", "delete", "stream"},
		},
		{
			class: ClassEncodingCreate,
			calls: []step{
				{"create", func(ctx context.Context, c *Client) error {
					_, err := c.CreateEncoding(ctx, Encoding{}, nil)
					return err
				}},
				{"template", func(ctx context.Context, c *Client) error { _, err := c.StartTemplate(ctx, "x", nil); return err }},
			},
			want: []string{"template", "create"},
		},
		{
			class: ClassEncodingList,
			calls: []step{
				{"sweep", ask(EncodingQuery{Status: StatusCreated})},
				{"running", ask(EncodingQuery{Status: StatusRunning})},
				{"count", func(ctx context.Context, c *Client) error {
					_, err := c.ListEncodings(ctx, EncodingQuery{Status: StatusQueued})
					return err
				}},
				{"name", ask(EncodingQuery{Name: "film #1"})},
			},
			want: []string{"name", "count", "sweep", "running"},
		},
	} {
		t.Run(tt.class.String(), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				const perMinute = 60 // one call each 1.1 s
				g := NewGovernor(Limits{tt.class: perMinute})
				for available(g, tt.class, 1) {
					if err := acquire(t.Context(), g, tt.class); err != nil {
						t.Fatal(err)
					}
				}
				var got []string
				answer := success(`{"id":"x","encodingId":"x"}`)
				var wg sync.WaitGroup
				for _, s := range tt.calls {
					c := mustNew(t, Options{
						APIKey: fixedKey(testKey), Governor: g,
						HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							got = append(got, s.name)
							answer(w, r)
						})}},
					})
					wg.Go(func() {
						if err := s.call(t.Context(), c); err != nil {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				wg.Wait()
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("made (-want +got):\n%s", diff)
				}
			})
		})
	}
}
