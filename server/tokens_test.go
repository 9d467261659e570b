package server

import (
	"errors"
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("AWNqAQA")
	f.Add(cursor{batch: "0192f0c1", jobs: allJobs, revision: 1 << 40, page: 501}.String())
	f.Add(cursor{batch: "0192f0c1", revision: 3}.String())
	f.Add(cursor{batch: "0192f0c1", revision: 3, history: "ab12"}.String())
	f.Add(cursor{batch: "0192f0c1", jobs: 1 << stokerv1.JobState_JOB_STATE_FAILED, revision: 3, page: 7}.String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			if !errors.Is(err, errBadToken) || c != (cursor{}) {
				t.Fatalf("parse %q: %v, %v", text, c, err)
			}
			return
		}
		if c.batch == "" || c.revision < 0 || c.page < 0 {
			t.Fatalf("parse %q: impossible %+v", text, c)
		}
		if got := c.String(); got != text {
			t.Fatalf("%q reads as %+v, which is written %q", text, c, got)
		}
	})
}

func FuzzPageToken(f *testing.F) {
	list := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	f.Add("")
	f.Add("AXA")
	f.Add(pageToken{list: list, position: 17}.String())
	f.Add(pageToken{position: 1 << 62}.String())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePageToken(text, list)
		if err != nil {
			if _, ok := errors.AsType[*job.InvalidError](err); !ok || p != (pageToken{}) {
				t.Fatalf("parse %q: %v, %v", text, p, err)
			}
			return
		}
		if text == "" {
			if p.position != 0 {
				t.Fatalf("the first page begins at %d", p.position)
			}
			return
		}
		if p.list != list || p.position < 1 {
			t.Fatalf("parse %q: impossible %+v", text, p)
		}
		if got := p.String(); got != text {
			t.Fatalf("%q reads as %+v, which is written %q", text, p, got)
		}
	})
}
