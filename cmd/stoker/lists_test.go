package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/golden"
)

// listFlagsOf are the flags with which some lists are submitted after they were submitted without.
var listFlagsOf = map[string]string{
	"dos.csv":                      "--list-charset cp850",
	"shift-jis.csv":                "--list-charset shift_jis",
	"shift-jis-broken.csv":         "--list-charset shift_jis",
	"latin1-header.csv":            "--list-charset latin1 --list-columns schlüssel=key",
	"headers-of-others.csv":        "--list-columns Dateiname=input_path,Titel=name",
	"headers-twice.csv":            "--list-columns Key=",
	"columns-and-ours.csv":         "--list-columns file=input_path",
	"columns-too-many.csv":         "--list-columns Size=name,codec=",
	"manifest.json":                "--list-columns file=input_path",
	"s3-inventory-two-buckets.csv": "--list-format s3-inventory",
	"s3-ls-folder.txt":             "--list-format s3-ls",
	"page.csv":                     "--list-format jsonl",
	"addresses.txt":                "--list-format paths",
	"paths.txt":                    "--list-format paths --list-columns a=key",
	"google-sheets.tsv":            "--list-columns name=input_path",
	"azure-inventory.csv":          "--list-columns blob=input_path",
}

// Lists as people bring them: each is taken, byte by byte, or refused with its lines and a remedy. Where
// the remedy is a command, the command takes the list. testdata/lists.golden has what is said.
func TestListsAsPeopleBringThem(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	if got := (command{}).run(t.Context(), "pause", "--account", "default", "--server", s.grpc); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "lists", "*"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d lists, %v", len(files), err)
	}
	var told strings.Builder
	flags := 0
	for _, file := range files {
		name := filepath.Base(file)
		submit := func(args []string) string {
			got := submitList(t, s, file, args)
			fmt.Fprintf(&told, "$ stoker submit %s\n%s\n", strings.Join(append([]string{name}, args...), " "), got)
			return got
		}
		for args, more := []string(nil), true; more; {
			args, more = remedyIn(submit(args))
		}
		if text := listFlagsOf[name]; text != "" {
			flags++
			submit(strings.Fields(text))
		}
		if strings.Contains(told.String(), "s3cr3t") {
			t.Fatalf("%s: a password is repeated:\n%s", name, told.String())
		}
	}
	if flags != len(listFlagsOf) {
		t.Errorf("%d of %d flags are for a list that exists", flags, len(listFlagsOf))
	}
	golden.Check(t, "lists", told.String())
}

// submitList submits a list, and returns what is said and, if the list is taken, its jobs.
func submitList(t *testing.T, s serving, file string, args []string) string {
	t.Helper()
	got := command{}.run(t.Context(), append([]string{"submit", file, "--server", s.grpc}, args...)...)
	said := strings.ReplaceAll(got.stderr, file, filepath.Base(file))
	said = strings.ReplaceAll(said, " --server "+s.grpc, "")
	if got.code != exitOK {
		return fmt.Sprintf("%sexit code %d\n", said, got.code)
	}
	batch := strings.TrimSpace(got.stdout)
	lines := strings.Split(said, "\n") // the last one says which batch it is
	var b strings.Builder
	b.WriteString(strings.Join(lines[:len(lines)-2], "\n"))
	if len(lines) > 2 {
		b.WriteByte('\n')
	}
	jobs := command{}.run(t.Context(), "jobs", batch, "-o", "csv", "--columns", "key,name,input_path,output_path", "--server", s.grpc)
	rows, err := csv.NewReader(strings.NewReader(jobs.stdout)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", file, len(rows), err)
	}
	for _, row := range rows[1:] {
		fmt.Fprintf(&b, "job: key %+q, name %+q, from %+q to %+q\n", row[0], row[1], row[2], row[3])
	}
	return b.String()
}

// remedyIn returns the further arguments of the command that an answer advises.
func remedyIn(answer string) (args []string, ok bool) {
	for _, lead := range []string{"To take it as it is:\n  stoker submit ", "If that is its charset:\n  stoker submit "} {
		if _, command, found := strings.Cut(answer, lead); found {
			line, _, _ := strings.Cut(command, "\n")
			words := strings.Fields(strings.ReplaceAll(line, "'", "")) // no advice here has a quoted blank
			return words[1:], true
		}
	}
	return nil, false
}

// A list from standard input is like one from a file.
func TestListFromAPipe(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	text, err := os.ReadFile(filepath.Join("testdata", "lists", "s3-inventory.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	got := command{stdin: string(text)}.run(t.Context(), "submit", "-", "--dry-run", "--server", s.grpc)
	want := "standard input:1: this is an S3 inventory, and not CSV with a line that names the columns\n" +
		"stoker: 1 mistake; nothing was sent\nTo take it as it is:\n  stoker submit - --dry-run --server " + s.grpc + " --list-format s3-inventory\n"
	if got.code != exitUsage || got.stderr != want {
		t.Errorf("exit code %d, %q; want %q", got.code, got.stderr, want)
	}
	got = command{stdin: string(text)}.run(t.Context(), "submit", "-", "--dry-run", "--list-format", "s3-inventory", "--server", s.grpc)
	want = "standard input: 1 folder was skipped\nstandard input: 2 jobs, no mistakes; nothing was sent\n"
	if got.code != exitOK || got.stderr != want {
		t.Errorf("exit code %d, %q; want %q", got.code, got.stderr, want)
	}
}
