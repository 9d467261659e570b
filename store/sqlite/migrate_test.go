package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
)

// A file of every earlier schema is brought up to date with everything in it.
func TestUpgrade(t *testing.T) {
	for old := int64(1); old < schemaVersion; old++ {
		t.Run("from "+strconv.FormatInt(old, 10), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			makeOld(t, path, old)
			s := mustOpenAt(t, path)
			got, err := readVersion(t.Context(), s.db.reader.db)
			if err != nil || got != schemaVersion {
				t.Errorf("version %d, %v, want %d", got, err, schemaVersion)
			}
			fresh := mustOpen(t)
			if diff := cmp.Diff(schema(t, fresh), schema(t, s)); diff != "" {
				t.Errorf("schema (-of a new file +of the upgraded one):\n%s", diff)
			}
			if b := mustBatch(t, s, "b"); b.DisplayName != "from before" || b.Counts.Total() != 5 {
				t.Errorf("batch %q with %+v", b.DisplayName, b.Counts)
			}
			if right, err := s.db.ReadyBlocksCorrect(t.Context(), mustBatch(t, s, "b").Seq); !right || err != nil {
				t.Errorf("the counts of ready jobs are right: %t, %v", right, err)
			}
			checkOldCauses(t, s)
			for _, step := range story[1:4] {
				if err := step.run(t, s); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
			}
			checkWhole(t, s)
		})
	}
}

// oldFailure is a failure as it was stored before failures had causes.
func oldFailure(number string) string {
	return `{"kind":"ENCODING","code":1001,"category":"<READ> \u0026 more","text":"\"in/` + number + `\" for e` + number + `: in/` + number + `/out\n","messages":["no\ttime"]}`
}

// checkOldCauses checks that the jobs of [makeOld] that failed are found by their cause, and that its
// id is the one that they had before causes were stored: a hash of this list.
func checkOldCauses(t *testing.T, s *table) {
	t.Helper()
	const list = `["ENCODING",1001,0,"<READ> & more","\"…\" for …: …/out\n; no\ttime"]`
	sum := sha256.Sum256([]byte(list))
	id := hex.EncodeToString(sum[:6])
	causes, err := s.FailureCauses(t.Context(), "b", 10)
	if err != nil || len(causes) != 1 || causes[0].ID != id || causes[0].Count != 2 || causes[0].First.Number != 3 {
		t.Errorf("causes %+v, %v", causes, err)
	}
	if right, err := s.db.CausesCorrect(t.Context(), mustBatch(t, s, "b").Seq); !right || err != nil {
		t.Errorf("the counts of causes are right: %t, %v", right, err)
	}
	numbers, err := s.SelectJobNumbers(t.Context(), job.Selection{BatchID: "b", States: []job.State{job.Failed}, Causes: []string{id}}, 0, 10)
	if diff := cmp.Diff([]int64{3, 4}, numbers); err != nil || diff != "" {
		t.Errorf("jobs of the cause: %v (-want +got):\n%s", err, diff)
	}
}

// A recipe that was private before access control lists is private after them; other recipes stay.
func TestUpgradeKeepsRecipesPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	makeOld(t, path, 9)
	db, err := sql.Open("sqlite", writerDSN(path, true))
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE batches SET recipe = $1",
			`{"videos":[{"codec":"H264","bitrate":100000}],"private":true,"region":"AWS_EU_WEST_1"}`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := mustOpenAt(t, path)
	want := &job.Recipe{Videos: []job.Video{{Codec: job.H264, Bitrate: 100_000}}, ACL: job.Private, Region: "AWS_EU_WEST_1"}
	if diff := cmp.Diff(want, mustBatch(t, s, "b").Recipe); diff != "" {
		t.Errorf("recipe (-want +got):\n%s", diff)
	}
}

// makeOld makes a file as a Stoker with an earlier schema has left it. Its rows were written in the first
// schema.
func makeOld(t *testing.T, path string, to int64) {
	t.Helper()
	if err := createPrivate(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", writerDSN(path, true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	steps, err := newMigrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := steps.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, insert := range []string{
		`INSERT INTO meta VALUES ('instance_id', 'abcdefghijklmnop')`,
		`INSERT INTO batches (seq, id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
		        input, output, retry, failure_limit, failures_forgiven, labels, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
		        revision, create_time, update_time, start_time, finish_time)
		 VALUES (1, 'b', 'r', x'00', 'from before', 'a', 50, 'ACTIVE', '', 0, '', '', '', '', '', '', '', 0, '', 2, 0, 0, 0, 1, 2, 0, 0, 3, 1, 1, 1, 0)`,
		`INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
		        attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time,
		        start_time, queued_time, running_time, reason)
		 VALUES (1, 1, 'WAITING', 0, '', '', 'in', 'out', '', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 1, 1, 0, 0, 0, ''),
		        (1, 2, 'SUCCEEDED', 1, 'k', '', 'in', 'out', '', 2, 3, '', 0, 1, 0, 'e2', '', 0, '', 100, 0, 1, 1, 1, 1, 1, '')`,
		`INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
		        attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time,
		        start_time, queued_time, running_time, reason, failure)
		 VALUES (1, 3, 'FAILED', 1, '', '', 'in/3', 'in/3/out', '', 2, 1, '', 0, 1, 1, 'e3', '', 0, '', 0, 0, 1, 1, 1, 1, 1, '', '` + oldFailure("3") + `'),
		        (1, 4, 'FAILED', 1, '', '', 'in/4', 'in/4/out', '', 2, 1, '', 0, 1, 1, 'e4', '', 0, '', 0, 0, 1, 1, 1, 1, 1, '', '` + oldFailure("4") + `'),
		        (1, 5, 'WAITING', 0, '', '', 'in/5', 'out', '', 2, 1, '', 0, 1, 1, 'e5', '', 0, '', 0, 9, 1, 1, 1, 1, 1, '', '{"kind":"START"}')`,
		`INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason) VALUES (1, 2, 2, 1, 'RUNNING', 'SUCCEEDED', 1, 'finished'),
		        (1, 3, 2, 1, 'RUNNING', 'FAILED', 1, ''), (1, 4, 2, 1, 'RUNNING', 'FAILED', 1, '')`,
	} {
		if _, err := db.ExecContext(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := steps.UpTo(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

// schema is what the file is made of, by name.
func schema(t *testing.T, s *table) map[string]string {
	t.Helper()
	type object struct{ name, sql string }
	scan := func(r row) (o object, err error) {
		err = r.Scan(&o.name, &o.sql)
		return o, err
	}
	list, err := all(t.Context(), s.db.reader, scan, `SELECT name, coalesce(sql, '') FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]string{}
	for _, o := range list {
		objects[o.name] = o.sql
	}
	return objects
}
