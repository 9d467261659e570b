package output

import (
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/hostile"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                          "0 s",
		1400 * time.Millisecond:               "1 s",
		59*time.Second + 600*time.Millisecond: "1:00",
		4*time.Minute + 3*time.Second:         "4:03",
		10 * time.Minute:                      "10 min",
		41*time.Minute + 40*time.Second:       "41 min",
		9*time.Hour + 41*time.Minute:          "9 h 41",
		3*time.Hour + 29*time.Second:          "3 h 00",
		76 * time.Hour:                        "3 d 4 h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 198406: "198,406", 1234567: "1,234,567", -999: "-999", -1000: "-1,000"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
	for percent, want := range map[float64]string{0: "0.0 %", 61.8: "61.8 %", 61.89: "61.8 %", 99.99: "99.9 %", 100: "100.0 %"} {
		if got := ExactPercent(percent); got != want {
			t.Errorf("ExactPercent(%v) = %q, want %q", percent, got, want)
		}
	}
	if got := Percent(99.9); got != "99 %" {
		t.Errorf("Percent(99.9) = %q: 100 %% means all", got)
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	at := func(text string) time.Time {
		parsed, err := time.ParseInLocation(time.DateTime, text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	look := Look{Width: 80, Zone: zone, Now: at("2026-11-29 14:02:31")}
	utc, ascii := look, look
	utc.UTC, ascii.ASCII = true, true
	for _, tt := range []struct{ got, want string }{
		{look.Clock(), "14:02:31 CET"},
		{utc.Clock(), "13:02:31Z"},
		{look.Time(at("2026-11-29 12:00:40")), "12:00:40"},
		{utc.Time(at("2026-11-29 12:00:40")), "11:00:40Z"},
		{utc.Time(at("2026-11-29 00:30:00")), "Sat 23:30:00Z"},
		{look.Time(at("2026-11-28 23:48:10")), "Sat 23:48:10"},
		{look.Minute(at("2026-11-30 00:10:00")), "Mon 00:10"},
		{look.Minute(at("2026-11-23 00:10:00")), "Mon 00:10"},
		{look.Minute(at("2026-11-22 00:10:00")), "22 Nov 00:10"},
		{look.Time(at("2026-11-21 23:48:10")), "21 Nov 23:48"},
		{look.Time(at("2025-11-21 23:48:10")), "2025-11-21"},
		{look.Range(at("2026-11-29 20:20:00"), at("2026-11-29 21:30:00")), "20:20–21:30"},
		{look.Range(at("2026-11-30 00:10:00"), at("2026-11-30 02:40:00")), "Mon 00:10–02:40"},
		{look.Range(at("2026-11-29 23:10:00"), at("2026-11-30 02:40:00")), "23:10–Mon 02:40"},
		{ascii.Range(at("2026-11-29 20:20:00"), at("2026-11-29 21:30:00")), "20:20-21:30"},
		{utc.Range(at("2026-11-29 20:20:00"), at("2026-11-29 21:30:00")), "19:20Z–20:30Z"},
		{look.Range(at("2026-11-29 20:20:00"), at("2026-11-29 20:20:30")), "20:20"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		text  string
		cells int
		how   Cut
		want  string
	}{
		{"kids back catalogue", 16, CutEnd, "kids back catal…"},
		{"Video could not be decoded (10003)", 23, CutEnd, "Video could no… (10003)"},
		{"Output refused: AccessDenied (403)", 23, CutEnd, "Output refused:… (403)"},
		{"clips/2019-06/tour-stage-9", 22, CutMiddle, "clips/2…6/tour-stage-9"},
		{"clips/2019-06/marathon-finish", 22, CutMiddle, "clips/2…arathon-finish"},
		{"七人の侍", 8, CutEnd, "七人の侍"},
		{"七人の侍", 6, CutEnd, "七人…"},
		{"七人の侍", 4, CutMiddle, "…侍"},
		{"e\u0301e\u0301e\u0301", 3, CutEnd, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, CutEnd, "e\u0301…"},
		{"abc", 1, CutEnd, "a"},
		{"abc", 0, CutEnd, ""},
	} {
		got := (Look{}).shorten(tt.text, tt.cells, tt.how)
		if got != tt.want || Cells(got) > max(tt.cells, 0) {
			t.Errorf("%q in %d cells is %q, want %q", tt.text, tt.cells, got, tt.want)
		}
	}
	if got := (Look{ASCII: true}).shorten("kids back catalogue", 16, CutEnd); got != "kids back cat..." {
		t.Errorf("in ASCII it is %q", got)
	}
}

func TestLocales(t *testing.T) {
	for env, want := range map[string]bool{
		"": true, "LANG=C": false, "LANG=en_US.UTF-8": true, "LANG=de_DE.utf8": true, "LC_ALL=POSIX LANG=C.UTF-8": false,
		"LC_CTYPE=C.UTF-8 LANG=C": true, "LANG=de_DE.ISO-8859-1": false,
	} {
		getenv := func(name string) string {
			for pair := range strings.FieldsSeq(env) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		}
		if got := utf8Locale(getenv); got != want {
			t.Errorf("%q: UTF-8 is %v, want %v", env, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	hostile.CheckPrintable(t, Printable(hostile.Text))
	hostile.CheckPrintable(t, PrintableLines("a\x1b[1m\nb"))
	if got := PrintableLines("a\tb\nc"); got != "a b\nc" {
		t.Errorf("%q", got)
	}
}

func TestSparkline(t *testing.T) {
	if got := (Look{}).Sparkline([]float64{17, 20, 0, 10}); got != "▆█▁▄" {
		t.Errorf("%q", got)
	}
	if got := (Look{ASCII: true}).Sparkline([]float64{17, 20, 0, 10}); got != "7904" {
		t.Errorf("%q", got)
	}
	if got := (Look{}).Sparkline([]float64{0, 0}); got != "▁▁" {
		t.Errorf("%q", got)
	}
}
