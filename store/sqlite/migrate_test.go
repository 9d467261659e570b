package sqlite

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

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
			if b := mustBatch(t, s, "b"); b.DisplayName != "from before" || b.Counts.Total() != 2 {
				t.Errorf("batch %q with %+v", b.DisplayName, b.Counts)
			}
			if right, err := s.db.ReadyBlocksCorrect(t.Context(), mustBatch(t, s, "b").Seq); !right || err != nil {
				t.Errorf("the counts of ready jobs are right: %t, %v", right, err)
			}
			for _, step := range story[1:4] {
				if err := step.run(t, s); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
			}
			checkWhole(t, s)
		})
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

// makeOld makes a file as a Stoker with an earlier schema has left it.
func makeOld(t *testing.T, path string, to int64) {
	t.Helper()
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
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := steps.UpTo(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	// In the words of the first schema.
	for _, insert := range []string{
		`INSERT INTO meta VALUES ('instance_id', 'abcdefghijklmnop')`,
		`INSERT INTO batches (seq, id, request_id, payload_hash, display_name, account, priority, state, state_reason, open, profile, recipe, template,
		        input, output, retry, failure_limit, failures_forgiven, labels, waiting, starting, queued, running, succeeded, failed, cancelling, cancelled,
		        revision, create_time, update_time, start_time, finish_time)
		 VALUES (1, 'b', 'r', x'00', 'from before', 'a', 50, 'ACTIVE', '', 0, '', '', '', '', '', '', '', 0, '', 1, 0, 0, 0, 1, 0, 0, 0, 3, 1, 1, 1, 0)`,
		`INSERT INTO jobs (batch, number, state, finish_time, key, name, input_path, output_path, variables, version, revision, step, step_time,
		        attempt, failures, encoding_id, manifests, regions, stale_mark, progress, next_attempt_time, create_time, update_time,
		        start_time, queued_time, running_time, reason)
		 VALUES (1, 1, 'WAITING', 0, '', '', 'in', 'out', '', 1, 1, '', 0, 0, 0, '', '', 0, '', 0, 0, 1, 1, 0, 0, 0, ''),
		        (1, 2, 'SUCCEEDED', 1, 'k', '', 'in', 'out', '', 2, 3, '', 0, 1, 0, 'e2', '', 0, '', 100, 0, 1, 1, 1, 1, 1, '')`,
		`INSERT INTO events (batch, number, version, time, from_state, to_state, attempt, reason) VALUES (1, 2, 2, 1, 'RUNNING', 'SUCCEEDED', 1, 'finished')`,
	} {
		if _, err := db.ExecContext(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
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
