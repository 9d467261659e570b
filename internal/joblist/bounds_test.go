package joblist_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/joblist"
)

// repeated is a text n times over, which takes no memory.
func repeated(text string, n int) io.Reader {
	return io.MultiReader(slicesOf(n, func() io.Reader { return strings.NewReader(text) })...)
}

func slicesOf[T any](n int, f func() T) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = f()
	}
	return list
}

// countingReader counts what is read of a list.
type countingReader struct {
	io.Reader
	bytes int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.bytes += n
	return n, err
}

// A list with more jobs, variables or mistakes than its reader takes is not read to its end, whatever its format.
func TestReadStopsAtTooMuch(t *testing.T) {
	chunk := func(line string) string { return strings.Repeat(line, 10_000) }
	variables := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"v%d":"x"`, i)
		}
		return `{"input_path":"a","variables":{` + b.String()[1:] + "}}\n"
	}
	for _, tt := range []struct {
		name, head, text string
		options          joblist.Options
		mistakes         string // how the last mistake ends; empty: the list is cut
	}{
		{name: "CSV", head: "input_path\n", text: chunk("a\n")},
		{name: "JSON", text: chunk(`{"input_path":"a"} `)},
		{name: "paths", text: chunk("a\n"), options: joblist.Options{Format: joblist.Paths}},
		{name: "an inventory", text: chunk("b,a\n"), options: joblist.Options{Format: joblist.S3Inventory}},
		{name: "a listing", text: chunk("2026-01-02 03:04:05 6 a\n"), options: joblist.Options{Format: joblist.S3Listing}},
		{name: "variables", text: variables(1_500)},
		{name: "mistakes in CSV", head: "input_path,key\n", text: chunk("a\n"), mistakes: "reading stopped here, after so many mistakes"},
		{name: "mistakes in JSON", text: "{}\n" + chunk("x\n"), mistakes: "reading stopped here, after so many mistakes"},
		{name: "a row", head: "input_path\n", text: chunk(","), mistakes: "is a quote missing? Reading stopped here"},
		{name: "a row of an inventory", text: chunk(","), options: joblist.Options{Format: joblist.S3Inventory}, mistakes: "is a quote missing? Reading stopped here"},
		{name: "arrays", text: chunk("["), mistakes: "want one JSON object for each job, in one array at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.options
			o.MaxJobs, o.MaxEntries = 1_000, 2_000
			in := &countingReader{Reader: io.MultiReader(strings.NewReader(tt.head), repeated(tt.text, 1_000))}
			list, err := joblist.Read(in, o)
			if in.bytes > 4<<20 && tt.name != "arrays" { // the rest of the line with the arrays is skipped
				t.Errorf("%d bytes were read", in.bytes)
			}
			wrong, _ := errors.AsType[*joblist.Error](err)
			switch {
			case tt.mistakes == "" && err == nil:
				if !list.Cut || len(list.Jobs) > o.MaxJobs+1 {
					t.Errorf("%d jobs, cut: %t", len(list.Jobs), list.Cut)
				}
			case tt.mistakes == "" || wrong == nil:
				t.Fatal(err)
			default:
				if last := wrong.Mistakes[len(wrong.Mistakes)-1].Text; !strings.HasSuffix(last, tt.mistakes) {
					t.Errorf("the last mistake is %q, want one that ends in %q", last, tt.mistakes)
				}
			}
		})
	}
}

// As many jobs and entries as a reader takes are no more than it takes.
func TestReadIsNotCut(t *testing.T) {
	list, err := joblist.Read(strings.NewReader("input_path,var:x\na,1\nb,2\n"), joblist.Options{MaxJobs: 2, MaxEntries: 4})
	if err != nil || list.Cut || len(list.Jobs) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

// A header names as many columns as a spreadsheet can have, and each is compared with the fields alone.
func TestReadBoundsTheHeader(t *testing.T) {
	header := func(n int) string {
		var b strings.Builder
		b.WriteString("input_path")
		for i := range n - 1 {
			fmt.Fprintf(&b, ",column %d", i)
		}
		return b.String() + "\n"
	}
	for _, tt := range []struct {
		columns, mistakes int
		first             string
	}{
		{16_384, 16_383, `unknown column "column 0"; the columns are key, name, input_path, output_path and var:<name>`},
		{16_385, 1, "the line names 16385 columns: want at most 16384, as many as a spreadsheet can have"},
	} {
		_, err := joblist.Read(strings.NewReader(header(tt.columns)), joblist.Options{})
		wrong, ok := errors.AsType[*joblist.Error](err)
		if !ok || len(wrong.Mistakes)+wrong.More != tt.mistakes || wrong.Mistakes[0].Text != tt.first {
			t.Errorf("%d columns: %v", tt.columns, err)
		}
	}
}

// A gzip file that is cut off, or damaged, is a mistake of the list, wherever in it that is.
func TestReadDamagedGzip(t *testing.T) {
	var text, packed bytes.Buffer
	text.WriteString("input_path\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "films/%d.mov\n", i*i)
	}
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := packed.Bytes()
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"the beginning", "list: the gzip file is damaged, or not complete: unexpected EOF", whole[:100]},
		{"the half", "list: the gzip file is damaged, or not complete: unexpected EOF", whole[:len(whole)/2]},
		{"all but the checksum", "list: the gzip file is damaged, or not complete: unexpected EOF", whole[:len(whole)-8]},
		{"another checksum", "list: the gzip file is damaged, or not complete: gzip: invalid checksum", flipped},
	} {
		_, err := joblist.Read(bytes.NewReader(tt.data), joblist.Options{})
		if wrong, ok := errors.AsType[*joblist.Error](err); !ok || !strings.HasPrefix(wrong.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if _, err := joblist.ReadLines(bytes.NewReader(tt.data), joblist.Charset{}, map[int]bool{1: true}, 100); err != nil {
			t.Errorf("%s: lines to be shown: %v", tt.name, err)
		}
	}
	if list, err := joblist.Read(bytes.NewReader(whole), joblist.Options{}); err != nil || len(list.Jobs) != 50_000 {
		t.Errorf("the whole file: %v", err)
	}
}
