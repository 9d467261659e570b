package joblist_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/joblist"
)

func TestFillKeys(t *testing.T) {
	long := strings.Repeat("x", 201)
	text := "key,input_path,output_path\n" +
		"mine,a.mov,out/a\n" +
		",b.mov,out/b\n" +
		"out/c,c.mov,out/other\n" +
		",d.mov,out/c\n" +
		",e.mov," + long + "\n"
	list, err := joblist.Read(strings.NewReader(text), joblist.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := list.FillKeys(); n != 3 {
		t.Errorf("%d jobs got a key, want 3", n)
	}
	var got []string
	for _, j := range list.Jobs {
		got = append(got, j.Key)
	}
	sum := sha256.Sum256([]byte(long))
	want := []string{"mine", "out/b", "out/c", "out/c+", hex.EncodeToString(sum[:16])}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if n := list.FillKeys(); n != 0 {
		t.Errorf("%d jobs got another key", n)
	}

	// Clips of one film have one output path. So many take no time to speak of, and no key is too long.
	for _, film := range []string{"film.mov", long + ".mov"} {
		const clips = 100_000
		list, err := joblist.Read(strings.NewReader("input_path,var:start\n"+strings.Repeat(film+",1\n", clips)), joblist.Options{ForTemplate: true})
		if err != nil {
			t.Fatal(err)
		}
		list.FillKeys()
		seen := map[string]bool{}
		for _, j := range list.Jobs {
			if seen[j.Key] || len(j.Key) > 200 {
				t.Fatalf("key %q is taken, or too long", j.Key)
			}
			seen[j.Key] = true
		}
		if film == "film.mov" && (list.Jobs[0].Key != "film" || list.Jobs[1].Key != "film+" || list.Jobs[clips-1].Key != "film+99999") {
			t.Errorf("keys %q, %q to %q", list.Jobs[0].Key, list.Jobs[1].Key, list.Jobs[clips-1].Key)
		}
	}

	list, err = joblist.Read(strings.NewReader("var:title\none\n\ntwo\n"), joblist.Options{ForTemplate: true})
	if err != nil {
		t.Fatal(err)
	}
	list.FillKeys()
	if list.Jobs[0].Key != "line-2" || list.Jobs[1].Key != "line-4" {
		t.Errorf("keys without output paths are %q and %q, want the lines", list.Jobs[0].Key, list.Jobs[1].Key)
	}
}
