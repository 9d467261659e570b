package bitmovin

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/testkit/bubble"
)

// maxInWindow returns the most events that any span of 60 seconds holds, both ends
// included. The times are in order.
func maxInWindow(times []time.Time) int {
	most, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) > limitWindow {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// No 60 seconds may see more calls than the limit, whoever asks for them in whichever
// rhythm; and the budget must not be wasted either.
func TestGovernorNeverOverrunsAWindow(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 9, 10, 60, 600, 6000} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				g := NewGovernor(Limits{ClassStart: limit})
				const span = 10 * time.Minute
				ctx, cancel := context.WithTimeout(t.Context(), span)
				defer cancel()
				var mu sync.Mutex
				var times []time.Time
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						for {
							if acquire(ctx, g, ClassStart) != nil {
								return
							}
							mu.Lock()
							times = append(times, time.Now())
							n := len(times)
							mu.Unlock()
							// Let bursts build up now and then.
							if i == 0 && n%100 == 0 {
								time.Sleep(20 * time.Second)
							}
						}
					})
				}
				wg.Wait()
				if got := maxInWindow(times); got > limit {
					t.Errorf("%d calls within a minute, limit %d", got, limit)
				}
				want := limit * 8
				if limit >= 60 {
					want = limit * 97 / 10
				}
				if limit < 7 {
					want = limit * 5 // tiny limits leave little after the burst
				}
				if len(times) < want {
					t.Errorf("only %d calls in %v, want at least %d", len(times), span, want)
				}
			})
		})
	}
}

func TestGovernorAfterIdleTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassEncodingList: 60})
		var times []time.Time
		for i := range 200 {
			if i%15 == 0 {
				time.Sleep(45 * time.Second)
			}
			if err := acquire(t.Context(), g, ClassEncodingList); err != nil {
				t.Fatal(err)
			}
			times = append(times, time.Now())
		}
		if got := maxInWindow(times); got > 60 {
			t.Errorf("%d calls within a minute", got)
		}
	})
}

func TestGovernorServesInOrder(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassStart: 10})
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if err := acquire(t.Context(), g, ClassStart); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait() // until caller i stands in line
		}
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("served in order %v", order)
			}
		}
	})
}

func TestGovernorClassesAreIndependent(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassEncodingList: 1})
		if err := acquire(t.Context(), g, ClassEncodingList); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for range 10 {
			if err := acquire(t.Context(), g, ClassStart); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("starts waited %v for lists", waited)
		}
	})
}

// acquire waits until a call of class may leave.
func acquire(ctx context.Context, g *Governor, class Class) error {
	_, err := g.acquire(ctx, class, urgencyPrepare)
	return err
}

// available reports whether n calls of class could leave now.
func available(g *Governor, class Class, n int) bool {
	return g.bucketOf(class).state(g.clock.Now()).Available >= n
}

// headers returns the platform's account of a class.
func headers(remaining, reset string) http.Header {
	h := http.Header{}
	h.Set(headerRemaining, remaining)
	h.Set(headerReset, reset)
	return h
}

func TestGovernorPausesOn429(t *testing.T) {
	withRetryAfter := http.Header{}
	withRetryAfter.Set("Retry-After", "20")
	for _, tt := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"retry-after", withRetryAfter, 20 * time.Second},
		{"reset", headers("0", "13"), 13 * time.Second},
		{"reset without remaining", headers("", "13"), 13 * time.Second},
		{"reset within this second", headers("0", "0"), time.Second},
		{"reset too far", headers("0", "86400"), limitWindow},
		{"reset in the past", headers("0", "-5"), limitWindow},
		{"nothing", http.Header{}, limitWindow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				throttle := true
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !throttle {
						success(`{"id":"1"}`)(w, r)
						return
					}
					throttle = false
					maps.Copy(w.Header(), tt.header)
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = io.WriteString(w, "slow down")
				})
				c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: handlerTransport{h}}})
				if err := c.StartEncoding(t.Context(), "e", nil, nil); !Throttled(err) {
					t.Fatalf("err = %v, want throttled", err)
				}
				if available(c.RateGovernor(), ClassStart, 1) {
					t.Error("the class is ready during its pause")
				}
				if _, err := c.CreateEncoding(t.Context(), Encoding{Name: "other class"}, nil); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if err := c.StartEncoding(t.Context(), "e", nil, nil); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begin); got != tt.want {
					t.Errorf("next start after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// A pause must also reach those who wait already.
func TestGovernorPauseReachesWaiters(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassStart: 60})
		for range 6 {
			if err := acquire(t.Context(), g, ClassStart); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := acquire(t.Context(), g, ClassStart); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		g.observe(ClassStart, 6, headers("", "30"), true)
		wg.Wait()
		if got := time.Since(begin); got != 30*time.Second {
			t.Errorf("the waiting call left after %v, want 30s", got)
		}
	})
}

func TestQueueFullDoesNotPause(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, envelopeError(8004))
		})
		c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: handlerTransport{h}}})
		if err := c.StartEncoding(t.Context(), "e", nil, nil); !QueueFull(err) {
			t.Fatalf("err = %v, want a full queue", err)
		}
		if !available(c.RateGovernor(), ClassStart, 1) {
			t.Error("a full queue has paused starts")
		}
	})
}

// Others spend from the same key: what the platform says is left counts.
func TestGovernorBelievesRemaining(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(DefaultLimits())
		ticket, err := g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		if err != nil {
			t.Fatal(err)
		}
		g.observe(ClassEncodingList, ticket, headers("2", "40"), false)
		begin := time.Now()
		var waits []time.Duration
		for range 3 {
			if err := acquire(t.Context(), g, ClassEncodingList); err != nil {
				t.Fatal(err)
			}
			waits = append(waits, time.Since(begin))
		}
		if waits[0] != 0 || waits[1] != 0 || waits[2] != 40*time.Second {
			t.Errorf("waited %v, want 0s 0s 40s", waits)
		}
	})
}

func TestGovernorAccountsForCallsUnderWay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(DefaultLimits())
		first, _ := g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		for range 3 {
			_, _ = g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		}
		// The answer to the first call cannot know of the three after it.
		g.observe(ClassEncodingList, first, headers("3", "30"), false)
		if available(g, ClassEncodingList, 1) {
			t.Error("calls under way were forgotten")
		}
		// An older answer that arrives later promises nothing back.
		g.observe(ClassEncodingList, first, headers("59", "31"), false)
		if available(g, ClassEncodingList, 1) {
			t.Error("an overtaken answer has raised the budget")
		}
		// The next window counts afresh.
		time.Sleep(31 * time.Second)
		if !available(g, ClassEncodingList, 1) {
			t.Error("still blocked in the next window")
		}
	})
}

// An answer that took long tells of a window that later answers have told more about, and
// its reset counts from when it was written.
func TestGovernorIgnoresLateAnswers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(DefaultLimits())
		first, _ := g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		g.observe(ClassEncodingList, first, headers("59", "60"), false)
		late, _ := g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		time.Sleep(20 * time.Second)
		last, _ := g.acquire(t.Context(), ClassEncodingList, urgencyPrepare)
		g.observe(ClassEncodingList, last, headers("0", "40"), false)
		time.Sleep(5 * time.Second)
		g.observe(ClassEncodingList, late, headers("58", "60"), false)
		begin := time.Now()
		if err := acquire(t.Context(), g, ClassEncodingList); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got != 35*time.Second {
			t.Errorf("the next call left after %v, want 35s, when the window ends", got)
		}
	})
}

func TestGovernorState(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(nil)
		for range 4 {
			if err := acquire(t.Context(), g, ClassEncodingList); err != nil {
				t.Fatal(err)
			}
		}
		states := g.State()
		if len(states) != len(DefaultLimits()) {
			t.Errorf("%d classes, want %d", len(states), len(DefaultLimits()))
		}
		find := func() ClassState {
			for _, s := range g.State() {
				if s.Class == ClassEncodingList {
					return s
				}
			}
			t.Fatal("no state of the list class")
			return ClassState{}
		}
		if got, want := find(), (ClassState{Class: ClassEncodingList, LimitPerMinute: 60, Available: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		time.Sleep(61 * time.Second)
		if got := find(); got.Available != 6 {
			t.Errorf("a minute later: %+v", got)
		}
	})
}

func TestGovernorWaitEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassStart: 1})
		if err := acquire(t.Context(), g, ClassStart); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 3 { // one at the head of the line, two behind it
			wg.Go(func() {
				if err := acquire(ctx, g, ClassStart); !errors.Is(err, stop) {
					t.Errorf("err = %v, want the cause", err)
				}
			})
		}
		synctest.Wait()
		cancel(stop)
		wg.Wait()
		if err := acquire(ctx, g, ClassOther); !errors.Is(err, stop) {
			t.Errorf("with a context that has ended: err = %v", err)
		}
	})
}

func TestClassNames(t *testing.T) {
	seen := map[string]bool{}
	for class := range DefaultLimits() {
		name := class.String()
		if seen[name] || name == "" {
			t.Errorf("class %d has name %q, which is not unique", int(class), name)
		}
		seen[name] = true
	}
	if got := Class(99).String(); got != "class-99" {
		t.Errorf("unknown class is called %q", got)
	}
}

// Calls that never cease use the limit up to one percent, once the burst of the beginning is a minute
// old.
func TestGovernorUsesTheLimit(t *testing.T) {
	for limit, want := range map[int]int{60: 59, 600: 594, 6000: 5940} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				g, begin := NewGovernor(Limits{ClassStart: limit}), time.Now()
				perMinute := make([]int, 6)
				for minute := 0; minute < len(perMinute); minute = int(time.Since(begin) / time.Minute) {
					perMinute[minute]++
					if err := acquire(t.Context(), g, ClassStart); err != nil {
						t.Fatal(err)
					}
				}
				for minute, got := range perMinute[1:] {
					if got < want-1 || got > want+1 {
						t.Errorf("%d calls in minute %d, want %d", got, minute+2, want)
					}
				}
			})
		})
	}
}

// A budget says what could leave now, besides what waits already, and when the next call could.
func TestGovernorBudget(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(Limits{ClassStart: 600})
		if b := g.ReadBudget(ClassStart); b.PerMinute != 600 || b.Free != 10 || b.Next.After(time.Now()) {
			t.Errorf("at first: %+v", b)
		}
		for range 10 {
			if err := acquire(t.Context(), g, ClassStart); err != nil {
				t.Fatal(err)
			}
		}
		b := g.ReadBudget(ClassStart)
		if wait := time.Until(b.Next); b.Free != 0 || wait < 90*time.Millisecond || wait > 110*time.Millisecond {
			t.Errorf("after a burst: %+v, in %v", b, wait)
		}
		g.observe(ClassStart, 1, headers("0", "30"), true)
		if b := g.ReadBudget(ClassStart); b.Free != 0 || time.Until(b.Next) < 29*time.Second {
			t.Errorf("throttled: %+v", b)
		}
	})
}

// An answer that tells of a window which is over, and comes after one that tells of the next window, says nothing of
// that: at the limit it would stop all calls for a minute.
func TestGovernorIgnoresEarlierWindow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGovernor(DefaultLimits())
		first, _ := g.acquire(t.Context(), ClassStart, urgencyStart)
		g.observe(ClassStart, first, headers("300", "59"), false)
		time.Sleep(57 * time.Second)
		slow, _ := g.acquire(t.Context(), ClassStart, urgencyStart)
		time.Sleep(4 * time.Second)
		for range 5 {
			next, _ := g.acquire(t.Context(), ClassStart, urgencyStart)
			g.observe(ClassStart, next, headers("590", "58"), false)
		}
		time.Sleep(time.Second)
		g.observe(ClassStart, slow, headers("4", "2"), false)
		if !available(g, ClassStart, 5) {
			t.Errorf("the window that is over counts in the next one: %+v", g.bucketOf(ClassStart).state(time.Now()))
		}
		// What an older call says of the same window counts.
		older, _ := g.acquire(t.Context(), ClassStart, urgencyStart)
		next, _ := g.acquire(t.Context(), ClassStart, urgencyStart)
		g.observe(ClassStart, next, headers("500", "57"), false)
		g.observe(ClassStart, older, headers("1", "57"), false)
		if available(g, ClassStart, 1) {
			t.Error("an older call's answer about the window was not taken into account")
		}
	})
}
