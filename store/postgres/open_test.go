package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/loopback"
	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// secret is a password that must not be in any message.
const secret = "hunter2 %/?#"

// as is the URL of a database for another role.
func as(t *testing.T, database string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = user
	return u.String()
}

// Databases that are not for this Stoker are refused, with an error that says why and has no password in it.
func TestOpenRefuses(t *testing.T) {
	withPassword := url.UserPassword("postgres", secret)
	for _, tt := range []struct {
		name string
		url  func(t *testing.T) string
		want error
		text string
	}{
		{"no URL", func(*testing.T) string { return "postgres://postgres:" + secret + "@h/d" }, errURL, ""},
		{"a file", func(*testing.T) string { return "stoker.db" }, errURL, ""},
		{"nobody listens", func(t *testing.T) string {
			return as(t, "postgres:///stoker?host="+url.QueryEscape(t.TempDir()), withPassword)
		}, job.ErrUnavailable, "no such file"},
		{"nobody listens on the port", func(t *testing.T) string {
			return "postgres://postgres:hunter2@" + loopback.Addresses(t, 1)[0] + "/stoker"
		}, job.ErrUnavailable, "connection refused"},
		{"a host that does not exist", func(*testing.T) string { return "postgres://postgres:hunter2@nowhere.invalid/stoker" }, job.ErrUnavailable, "nowhere.invalid"},
		{"no port", func(*testing.T) string { return "postgres://postgres:hunter2@h:port/d" }, errURL, ""},
		{"an sslmode that does not exist", func(*testing.T) string { return "postgres://postgres:hunter2@h/d?sslmode=always" }, errParameter, "sslmode"},
		{"a file of certificates that does not exist", func(*testing.T) string {
			return "postgres://postgres:hunter2@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"
		}, errParameter, "/nowhere/ca.pem"},
		{"a file of certificates named like the password", func(*testing.T) string {
			return "postgres://postgres:hunter2@h/d?sslmode=verify-full&sslrootcert=/hunter2"
		}, errURL, ""},
		{"a parameter that the server does not know", func(t *testing.T) string {
			return as(t, pgserver.Empty(t), withPassword) + "&favourite_colour=blue"
		}, ErrRefused, "favourite_colour"},
		{"another name of the database", func(t *testing.T) string {
			return as(t, strings.Replace(pgserver.Empty(t), "stoker_test", "no_test", 1), withPassword)
		}, ErrRefused, "does not exist"},
		{"a role that does not exist", func(t *testing.T) string {
			return as(t, pgserver.Empty(t), url.UserPassword("nobody_at_all", secret))
		}, ErrRefused, "nobody_at_all"},
		{"a wrong password", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `CREATE ROLE `+pgserver.PasswordRole+` LOGIN PASSWORD 'another'`)
			t.Cleanup(func() { pgserver.Exec(t, database, `DROP ROLE `+pgserver.PasswordRole) })
			return as(t, database, url.UserPassword(pgserver.PasswordRole, secret))
		}, ErrRefused, "password authentication failed"},
		{"no tables", func(t *testing.T) string { return as(t, pgserver.Empty(t), withPassword) }, ErrNotMigrated, "no tables yet"},
		{"tables of another application", func(t *testing.T) string {
			database := pgserver.Empty(t)
			pgserver.Exec(t, database, `CREATE TABLE invoices (id integer)`)
			return as(t, database, withPassword)
		}, ErrNotJobTable, "invoices"},
		{"tables of another application, one named meta", func(t *testing.T) string {
			database := pgserver.Empty(t)
			pgserver.Exec(t, database, `CREATE TABLE meta (key text)`)
			return as(t, database, withPassword)
		}, ErrNotJobTable, "meta"},
		{"a newer schema", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, true)`)
			pgserver.Exec(t, database, `UPDATE meta SET value = '999' WHERE name = 'compatible_from'`)
			return database
		}, ErrNewer, "1000"},
		{"an older schema", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `UPDATE goose_db_version SET version_id = 0`)
			return database
		}, ErrNotMigrated, ""},
		{"an encoding other than UTF-8", func(t *testing.T) string {
			database := pgserver.Empty(t)
			pgserver.Exec(t, database, `CREATE DATABASE stoker_latin ENCODING 'LATIN1' TEMPLATE template0`)
			t.Cleanup(func() { pgserver.Exec(t, database, `DROP DATABASE stoker_latin WITH (FORCE)`) })
			u, err := url.Parse(database)
			if err != nil {
				t.Fatal(err)
			}
			u.Path = "/stoker_latin"
			return u.String()
		}, ErrEncoding, "LATIN1"},
		{"commits that are not durable", func(t *testing.T) string {
			return configured(t, migrated(t), `SET synchronous_commit = off`)
		}, ErrNotDurable, ""},
		{"a database that can only be read", func(t *testing.T) string {
			return configured(t, migrated(t), `SET default_transaction_read_only = on`)
		}, ErrReadOnly, ""},
		{"a role without rights", func(t *testing.T) string { return asReader(t, migrated(t)) }, ErrRights, "no right to DELETE in the table"},
		{"a role without rights on the schema", func(t *testing.T) string {
			database := migrated(t)
			as := asReader(t, database)
			pgserver.Exec(t, database, `REVOKE ALL ON SCHEMA public FROM PUBLIC, stoker_reader`)
			return as
		}, ErrRights, "no schema"},
		{"a role without connections", func(t *testing.T) string {
			database := migrated(t)
			as := asReader(t, database)
			pgserver.Exec(t, database, `ALTER ROLE stoker_reader CONNECTION LIMIT 0`)
			return as
		}, ErrConnections, "too many connections for role"},
		{"a server of an older version", func(t *testing.T) string {
			database := migrated(t)
			pgserver.Exec(t, database, `CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE sql AS
			    $$ SELECT CASE $1 WHEN 'server_version_num' THEN '140011' ELSE pg_catalog.current_setting($1) END $$`)
			return configured(t, database, `SET search_path = public, pg_catalog`)
		}, ErrOldServer, "it has version 14, and Stoker needs 15 or later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			database := tt.url(t)
			s, err := Open(t.Context(), database, store.Options{})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(Name(database), "hunter2") {
				t.Errorf("the password is in %q or %q", err, Name(database))
			}
		})
	}
}

// asReader is the URL of a database for a role that may only read.
func asReader(t *testing.T, database string) string {
	t.Helper()
	pgserver.Exec(t, database, `CREATE ROLE stoker_reader LOGIN`)
	pgserver.Exec(t, database, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO stoker_reader`)
	t.Cleanup(func() {
		pgserver.Exec(t, database, `DROP OWNED BY stoker_reader`)
		pgserver.Exec(t, database, `DROP ROLE stoker_reader`)
	})
	return as(t, database, url.User("stoker_reader"))
}

// configured has a database begin its sessions with a setting.
func configured(t *testing.T, database, setting string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, database, `ALTER DATABASE `+strings.TrimPrefix(u.Path, "/")+` `+setting)
	return database
}

// A role that may not make tables cannot migrate, and is told so.
func TestMigrateWithoutRights(t *testing.T) {
	database := pgserver.Empty(t)
	pgserver.Exec(t, database, `CREATE ROLE stoker_writer LOGIN`)
	t.Cleanup(func() { pgserver.Exec(t, database, `DROP ROLE stoker_writer`) })
	_, _, err := Migrate(t.Context(), as(t, database, url.User("stoker_writer")))
	if !errors.Is(err, ErrRights) {
		t.Errorf("got %v, want %v", err, ErrRights)
	}
}

// Migrating twice, or twice at the same time, is migrating once. The name of the instance stays.
func TestMigrateTwice(t *testing.T) {
	database := pgserver.Empty(t)
	errs := make(chan error, 2)
	for range cap(errs) {
		go func() {
			_, _, err := Migrate(t.Context(), database)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	have, want, err := Check(t.Context(), database)
	if err != nil || have != want || have != schemaVersion {
		t.Errorf("version %d of %d, %v", have, want, err)
	}
	first := mustOpen(t, database)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	if second := mustOpen(t, database); first.InstanceID() == "" || second.InstanceID() != first.InstanceID() {
		t.Errorf("instance %q, then %q", first.InstanceID(), second.InstanceID())
	}
}

// An older Stoker works on beside a newer schema that allows it.
func TestOpenCompatible(t *testing.T) {
	database := migrated(t)
	pgserver.Exec(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, true)`)
	mustOpen(t, database)
}

// quick are the times of a lease for tests.
var quick = leaseTimes{length: 600 * time.Millisecond, renew: 100 * time.Millisecond, retry: 50 * time.Millisecond, margin: 100 * time.Millisecond, give: 5 * time.Second}

// startMigrated starts a server of the test's own, with a database that has the tables.
func startMigrated(t *testing.T) (server *pgserver.Host, database string) {
	t.Helper()
	server = pgserver.StartHost(t, "fsync=off")
	database = server.URL(server.NewDatabase(t))
	if _, _, err := Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	return server, database
}

// mustOpen opens a table and closes it when the test ends, unless the test has done so.
func mustOpen(t testing.TB, database string) *table {
	t.Helper()
	return openFor(t, database, defaultLease)
}

// openFor is mustOpen with other times of leases.
func openFor(t testing.TB, database string, times leaseTimes) *table {
	t.Helper()
	s, err := openTable(t.Context(), database, store.Options{}, times)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// table is a store together with its engine, for tests that look behind the methods.
type table struct {
	*store.Store
	db *database
}

// openTable is [Open].
func openTable(ctx context.Context, url string, o store.Options, times leaseTimes) (*table, error) {
	db, err := openDatabase(ctx, url, o, times)
	if err != nil {
		return nil, err
	}
	return &table{store.New(db, o), db}, nil
}
