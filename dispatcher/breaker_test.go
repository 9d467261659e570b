package dispatcher

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

func TestBreaker(t *testing.T) {
	outage := &bitmovin.TransportError{Method: "GET", Path: "/", Sent: true, Err: errors.New("connection reset")}
	refused := &bitmovin.APIError{Status: 400}
	throttled := &bitmovin.APIError{Status: 429}
	t.Run("opens after several failures in a row", func(t *testing.T) {
		b := newBreaker()
		for range 3 {
			for n := range failuresToTrip - 1 {
				b.noteCall(fmt.Sprint(n), outage, now)
			}
			b.noteCall("e", refused, now) // a refusal is an answer
		}
		if !b.closed() {
			t.Fatal("open although the platform answered in between")
		}
		for n := range 2 * failuresToTrip {
			b.noteCall(fmt.Sprint("e", n), outage, now)
		}
		if !b.closed() {
			t.Fatal("open after a hiccup")
		}
		b.noteCall("e", outage, now.Add(failingTimeToTrip))
		if b.closed() || b.reason == "" || !b.probeTime.After(now) {
			t.Fatalf("after %d failures: %+v", failuresToTrip, b)
		}
	})
	t.Run("opens at once without a key", func(t *testing.T) {
		b := newBreaker()
		if !b.noteCall("e", &bitmovin.APIError{Status: 401}, now) || b.closed() {
			t.Fatal("closed after a 401")
		}
	})
	t.Run("keeps beginning and end of a long reason", func(t *testing.T) {
		b := newBreaker()
		wordy := &bitmovin.APIError{Status: 401, Message: strings.Repeat("x", 6<<20), RequestID: "r-17"}
		b.noteCall("e", wordy, now)
		for _, told := range []string{"opened", "probed"} {
			if len(b.reason) > job.MaxReason || !strings.Contains(b.reason, "HTTP 401") || !strings.HasSuffix(b.reason, "(request r-17)") {
				t.Errorf("%s, it says %.200s… in %d bytes", told, b.reason, len(b.reason))
			}
			b.beginProbe()
			b.noteProbe(wordy, now)
		}
	})
	t.Run("stays closed for one object, until a ping fails as well", func(t *testing.T) {
		b := newBreaker()
		now := now
		for range 20 {
			now = now.Add(time.Minute)
			for range 2 * failuresToTrip {
				now = now.Add(failingTimeToTrip)
				b.noteCall("e", outage, now)
			}
			if ping, due := b.wantsPing(now); !b.closed() || !ping || due.After(now) {
				t.Fatalf("closed %v, wants a ping %v, due in %v", b.closed(), ping, due.Sub(now))
			}
			b.notePing(nil, now)
			if ping, _ := b.wantsPing(now); !b.closed() || ping {
				t.Fatalf("after a good ping: closed %v, wants a ping %v", b.closed(), ping)
			}
		}
		if !b.notePing(outage, now) || b.closed() {
			t.Fatal("closed although the ping failed")
		}
	})
	t.Run("objects without an answer while others have one do not count", func(t *testing.T) {
		b := newBreaker()
		sick := []string{"a", "b", "c", "d"}
		for n := range 100 {
			for _, object := range sick {
				b.noteCall(object, outage, now.Add(time.Duration(n)*failingTimeToTrip))
			}
			if n == 0 {
				b.noteCall("e", nil, now)
			}
		}
		if !b.closed() {
			t.Fatal("open for encodings that the platform breaks on")
		}
		b.noteCall("a", nil, now)
		for n := range objectsToTrip + failuresToTrip {
			b.noteCall(fmt.Sprint(n), outage, now.Add(time.Duration(n)*failingTimeToTrip))
		}
		if b.closed() {
			t.Fatal("closed although others have no answer either")
		}
	})
	t.Run("throttling is no outage", func(t *testing.T) {
		b := newBreaker()
		for range 2 * failuresToTrip {
			b.noteCall("e", throttled, now)
		}
		if !b.closed() {
			t.Fatal("open after 429s")
		}
	})
	t.Run("probes less and less often until it closes", func(t *testing.T) {
		b := newBreaker()
		b.noteCall("e", &bitmovin.APIError{Status: 401}, now)
		at := now
		for range 30 {
			at = b.probeTime
			b.beginProbe()
			b.noteProbe(outage, at)
		}
		if wait := b.probeTime.Sub(at); wait < 20*time.Second || wait > 2*time.Minute {
			t.Errorf("the 30th probe comes after %v", wait)
		}
		if !b.noteProbe(nil, at) || b.state != job.BreakerClosed || b.reason != "" {
			t.Errorf("after a good probe: %+v", b)
		}
	})
}

func TestLimit(t *testing.T) {
	var l queueLimit
	target := func(now time.Time) int {
		l.grow(now)
		return l.effective
	}
	l.setTarget(10)
	if got := target(now); got != 10 {
		t.Fatalf("target %d, want 10", got)
	}
	l.noteRefused(4, now, now)
	l.noteAccepted(now.Add(time.Second))
	for range 2 * refusalsToShrink { // each of them beside a start that was accepted
		l.noteRefused(4, now, now)
		l.noteRefused(4, now.Add(time.Second), now.Add(time.Second))
	}
	if got := target(now); got != 10 || !l.fullUntil.After(now) {
		t.Fatalf("after 8004s that did not last: target %d, full until %v", got, l.fullUntil)
	}
	for range refusalsToShrink {
		l.noteRefused(4, now.Add(2*time.Second), now.Add(2*time.Second))
	}
	if got := target(now); got != 4 {
		t.Fatalf("after 8004 again and again with 4 accepted: target %d", got)
	}
	if got := target(now.Add(2*time.Second + 3*growInterval)); got != 7 {
		t.Errorf("three minutes later: target %d, want 7", got)
	}
	if got := target(now.Add(time.Hour)); got != 10 {
		t.Errorf("an hour later: target %d, want 10", got)
	}
	l.noteRefused(0, now.Add(time.Hour), now.Add(time.Hour)) // the target has grown: one refusal shrinks it
	if got := target(now.Add(time.Hour)); got != 1 {
		t.Errorf("with nothing accepted: target %d, want 1: it must go on trying", got)
	}
	l.setTarget(5)
	if got := target(now.Add(time.Hour)); got != 1 {
		t.Errorf("after a new target the effective one is %d: the learnt limit is lost", got)
	}
}
