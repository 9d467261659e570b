package job

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	long := "the beginning" + strings.Repeat("x", 5_000) + "the end"
	for _, tt := range []struct {
		name, text string
		limit      int
		want       string
	}{
		{"fits", "as it is", 100, "as it is"},
		{"fits exactly", "12345678", 8, "12345678"},
		{"long", long, 60, "the beginningxx [… 4991 bytes left out …] xxxxxxxthe end"},
		{"no UTF-8", "a\xffb", 10, "a\uFFFDb"},
		{"no room for words", "abcdefghij", 4, "abcd"},
		{"no room at all", "abc", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Shorten(tt.text, tt.limit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestShortenTwice shortens what has been shortened, with words put before it, as a wait
// reason does with the breaker's.
func TestShortenTwice(t *testing.T) {
	const whole = 6 << 20
	once := Shorten(strings.Repeat("x", whole), MaxReason)
	twice := Shorten("the platform cannot be used: "+once, MaxReason)
	if len(twice) > MaxReason {
		t.Errorf("it has %d bytes", len(twice))
	}
	if n := strings.Count(twice, "left out"); n != 1 {
		t.Errorf("it speaks of %d gaps, want one: %s", n, twice)
	}
	if got, want := bytesLeftOut(twice)+len(gapNote(whole))+strings.Count(twice, "x"), whole; got != want {
		t.Errorf("what is there and what is left out come to %d bytes, want %d: %s", got, want, twice)
	}
	if again := Shorten(twice, MaxReason); again != twice {
		t.Errorf("what fits was changed to %q", again)
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("plain", 3)
	f.Add(strings.Repeat("ä€😀", 50), 77)
	f.Add("\xff\xfe [… 12 bytes left out …] \xc3", 40)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got := Shorten(text, limit)
		if !utf8.ValidString(got) || len(got) > max(limit, 0) && got != text {
			t.Errorf("Shorten(%q, %d) = %q", text, limit, got)
		}
	})
}

// sizeOf is how many bytes of text there are in a failure.
func sizeOf(f *Failure) int {
	n := len(f.Category) + len(f.Text) + len(f.Hint) + len(f.RequestID)
	for _, m := range f.Messages {
		n += len(m)
	}
	return n
}

func TestFailureShorten(t *testing.T) {
	const mib = 1 << 20
	huge := func(n int) string { return strings.Repeat("h", n) }
	many := make([]string, 50_000)
	for i := range many {
		many[i] = huge(100)
	}
	for _, tt := range []struct {
		name    string
		failure Failure
	}{
		{"text", Failure{Text: huge(6 * mib)}},
		{"category", Failure{Category: huge(6 * mib)}},
		{"hint", Failure{Hint: RetryHint(huge(6 * mib))}},
		{"request id", Failure{RequestID: huge(6 * mib)}},
		{"message", Failure{Text: "short", Messages: []string{huge(6 * mib), "short too"}}},
		{"messages", Failure{Messages: many}},
		{"empty messages", Failure{Messages: make([]string, 1_000_000)}},
		{"all of it", Failure{Text: huge(mib), Category: huge(mib), Hint: RetryHint(huge(mib)), RequestID: huge(mib), Messages: many}},
		{"no UTF-8", Failure{Text: strings.Repeat("\xffa", mib), Messages: []string{strings.Repeat("\xffa", mib)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			short := tt.failure.Shorten(MaxFailure)
			if n := sizeOf(short); n > MaxFailure {
				t.Errorf("%d bytes are kept", n)
			}
			if len(short.Messages) > maxMessages {
				t.Errorf("%d messages are kept", len(short.Messages))
			}
		})
	}
	small := &Failure{Kind: FailedStart, Code: 1, Text: "no", Category: "C", Hint: HintNoRetry, Messages: []string{"a", "b"}, RequestID: "r", Time: t0}
	if got := small.Shorten(MaxFailure); got.String() != small.String() || got.RequestID != "r" || len(got.Messages) != 2 {
		t.Errorf("a small failure became %v", got)
	}
	uneven := Failure{Text: huge(10), Messages: []string{huge(20_000), huge(mib)}}
	if got := uneven.Shorten(MaxFailure); len(got.Messages[1])-len(got.Messages[0]) > 1 || sizeOf(got) < MaxFailure*9/10 {
		t.Errorf("of texts with 10, 20,000 and a million bytes %d, %d and %d are kept", len(got.Text), len(got.Messages[0]), len(got.Messages[1]))
	}
}

// TestJobKeepsLittle lets the platform be wordy wherever it has something to say about a job.
func TestJobKeepsLittle(t *testing.T) {
	wordy := strings.Repeat("w", 4_500_000)
	failure := Failure{Text: wordy, Category: wordy, Messages: []string{wordy}}
	for _, tt := range []struct {
		name string
		fact func(*Update, time.Time) error
	}{
		{"encoding failed", func(u *Update, now time.Time) error {
			return u.Observe(Observation{EncodingID: "enc", Status: RemoteError, Failure: &failure, Messages: []string{wordy}}, rules, now)
		}},
		{"start refused", func(u *Update, now time.Time) error { return u.StartRefused(failure, rules, now) }},
		{"start not made", func(u *Update, now time.Time) error { return u.StartNotMade(wordy, now) }},
		{"cancelled", func(u *Update, now time.Time) error { return u.Cancel(wordy, now) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := NewUpdate(Job{ID: ID{Batch: "b", Number: 1}, State: Starting, Step: StepStart, StepTime: t0, EncodingID: "enc", Attempt: 1})
			if err := tt.fact(u, t0); err != nil {
				t.Fatal(err)
			}
			if len(u.Job.Reason) > MaxReason || len(u.Reason) > MaxReason {
				t.Errorf("the reasons have %d and %d bytes", len(u.Job.Reason), len(u.Reason))
			}
			if f := u.Job.Failure; f != nil && sizeOf(f) > MaxFailure {
				t.Errorf("the failure has %d bytes", sizeOf(f))
			}
			if a := u.Ended; a != nil && a.Failure != nil && sizeOf(a.Failure) > MaxFailure {
				t.Errorf("the attempt's failure has %d bytes", sizeOf(a.Failure))
			}
		})
	}
	t.Run("configuring refused", func(t *testing.T) {
		u := NewUpdate(Job{ID: ID{Batch: "b", Number: 1}, State: Waiting, Step: StepCreate, StepTime: t0})
		if err := u.ConfigureRefused("", failure, rules, t0); err != nil {
			t.Fatal(err)
		}
		if len(u.Job.Reason) > MaxReason || sizeOf(u.Job.Failure) > MaxFailure || sizeOf(u.Ended.Failure) > MaxFailure {
			t.Errorf("the reason has %d bytes, the failure %d", len(u.Job.Reason), sizeOf(u.Job.Failure))
		}
	})
}
