// Package oldtable has job tables that earlier versions of Stoker have written, beside the platform that they worked
// with. tools/oldtables makes them.
package oldtable

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
)

// Table is a job table of an earlier version.
type Table struct {
	Name string // the version of its schema and the commit that wrote it, such as v09-0d2ba29
	// Jobs is what the table holds, as that version's own columns had it, in the order of batch and number.
	Jobs []Job
	// Encodings is the platform as it was when the service had stopped.
	Encodings []simulator.Encoding

	file string // compressed
}

// Job is a job of a [Table].
type Job struct {
	Batch      string `json:"batch"`       // the batch's id
	BatchName  string `json:"batch_name"`  // its display name
	BatchState string `json:"batch_state"` // such as PAUSED
	Number     int64  `json:"number"`
	Key        string `json:"key"`
	State      string `json:"state"` // such as SUCCEEDED
	Attempt    int    `json:"attempt"`
	InputPath  string `json:"input_path"`
	OutputPath string `json:"output_path"`
	EncodingID string `json:"encoding_id"`
	CreateTime int64  `json:"create_time"` // Unix milliseconds
	Reason     string `json:"reason"`
	Failure    string `json:"failure"` // its text
	Events     int    `json:"events"`  // how many
}

// All reads the tables in a directory, which is store/sqlite/testdata as the test sees it.
func All(t testing.TB, directory string) []Table {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "v*.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("%s has no job table", directory)
	}
	var all []Table
	for _, file := range files {
		base := strings.TrimSuffix(file, ".db.gz")
		table := Table{Name: filepath.Base(base), file: file}
		readJSON(t, base+".jobs.json", &table.Jobs)
		readJSON(t, base+".encodings.json", &table.Encodings)
		all = append(all, table)
	}
	return all
}

// Unpack writes the job table to path.
func (o Table) Unpack(t testing.TB, path string) {
	t.Helper()
	packed, err := os.Open(o.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }() // it was only read
	content, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	table, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, table, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
