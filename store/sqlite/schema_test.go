package sqlite

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

// The states the database knows are those of package job.
func TestSchemaStates(t *testing.T) {
	s := mustOpen(t)
	var jobs, batches []string
	for _, state := range job.States() {
		jobs = append(jobs, string(state))
	}
	for _, state := range job.BatchStates() {
		batches = append(batches, string(state))
	}
	list := regexp.MustCompile(`(?s)\n\s+state\s[^(]*CHECK \(\s+state = (.*?)\)`)
	for table, want := range map[string][]string{"jobs": jobs, "batches": batches} {
		text, err := one(t.Context(), s.db.reader, scalar[string], `SELECT sql FROM sqlite_schema WHERE name = $1`, table)
		if err != nil {
			t.Fatal(err)
		}
		found := list.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("table %s does not check its states", table)
		}
		got := strings.Split(strings.ReplaceAll(found[1], "'", ""), " OR state = ")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states of table %s (-want +got):\n%s", table, diff)
		}
	}
}

// Whoever writes to the table, with Stoker or without: it moves along the
// transition table or not at all.
func TestSchemaTransitions(t *testing.T) {
	s := mustOpen(t)
	for i, from := range job.States() {
		for k, to := range job.States() {
			number := int64(100*i + k + 1)
			mustInsertJob(t, s, number, from)
			_, err := s.exec(t, `UPDATE jobs SET state = $2, finish_time = $3 WHERE number = $1`, number, string(to), finish(to))
			allowed := from == to || from.To(to) == nil
			if (err == nil) != allowed {
				t.Errorf("%s to %s: %v, allowed: %t", from, to, err, allowed)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := mustOpen(t)
	mustInsertJob(t, s, 1, job.Waiting)
	mustInsertJob(t, s, 2, job.Succeeded)
	for _, change := range []string{
		`UPDATE jobs SET state = 'LOST' WHERE number = 1`,
		`UPDATE jobs SET finish_time = 1 WHERE number = 1`,
		`UPDATE jobs SET finish_time = 0 WHERE number = 2`,
		`UPDATE jobs SET progress = 101`,
		`UPDATE jobs SET step = 'GUESS', step_time = 1`,
		`UPDATE jobs SET step = 'START'`,
		`UPDATE jobs SET attempt = -1`,
		`UPDATE jobs SET update_time = 'today'`,
		`UPDATE jobs SET batch = 77`,
		`UPDATE batches SET waiting = -1`,
		`UPDATE batches SET state = 'SUCCEEDED'`,
		`UPDATE batches SET finish_time = 1`,
		`UPDATE batches SET priority = 101`,
		`INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason) VALUES (1, 77, 2, 0, '', '', 0, '')`,
		`INSERT INTO orphans (account, encoding_id, create_time) VALUES ('a', '', 0)`,
	} {
		if _, err := s.exec(t, change); err == nil {
			t.Errorf("accepted: %s", change)
		}
	}
}

func finish(s job.State) int64 {
	if s.Terminal() {
		return 1
	}
	return 0
}

// mustInsertJob puts a job in any state into the batch with seq 1.
func mustInsertJob(t *testing.T, s *table, number int64, state job.State) {
	t.Helper()
	const batch = `
INSERT INTO batches (seq, id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
       input, output, retry, failure_limit, failures_forgiven, labels, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
       revision, create_time, update_time, start_time, finish_time)
VALUES (1, 'b', '', x'', '', 'default', 50, 'ACTIVE', '', 0, '', '', '', '', '', '', '', 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    ON CONFLICT DO NOTHING`
	const insert = `
INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
       attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time, start_time, queued_time, running_time, reason)
VALUES (1, $1, $2, $3, '', '', '', '', '', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 0, 0, 0, 0, 0, '')`
	if _, err := s.exec(t, batch); err != nil {
		t.Fatal(err)
	}
	if _, err := s.exec(t, insert, number, string(state), finish(state)); err != nil {
		t.Fatal(err)
	}
}

func TestSchemaVersion(t *testing.T) {
	db, err := sql.Open("sqlite", writerDSN(filepath.Join(t.TempDir(), "stoker.db"), true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was done with it
	steps, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps.ListSources() {
		if step.Version != int64(i+1) {
			t.Errorf("migration %d has number %d: %s", i+1, step.Version, step.Path)
		}
	}
	if n := len(steps.ListSources()); n != schemaVersion {
		t.Errorf("schemaVersion is %d, and there are %d migrations", schemaVersion, n)
	}
}

// A binary with another transition table puts its own guard in place.
func TestTransitionGuardFollowsTheTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	for _, statement := range []string{
		`DROP TRIGGER jobs_transition`,
		`CREATE TRIGGER jobs_transition BEFORE UPDATE OF state ON jobs BEGIN SELECT 1; END`,
	} {
		if _, err := s.exec(t, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpenAt(t, path)
	mustInsertJob(t, s, 1, job.Succeeded)
	if _, err := s.exec(t, `UPDATE jobs SET state = 'WAITING', finish_time = 0`); err == nil {
		t.Error("SUCCEEDED to WAITING was accepted")
	}
}
