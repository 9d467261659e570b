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

	list, err = joblist.Read(strings.NewReader("var:title\none\n\ntwo\n"), joblist.Options{ForTemplate: true})
	if err != nil {
		t.Fatal(err)
	}
	list.FillKeys()
	if list.Jobs[0].Key != "line-2" || list.Jobs[1].Key != "line-4" {
		t.Errorf("keys without output paths are %q and %q, want the lines", list.Jobs[0].Key, list.Jobs[1].Key)
	}
}
