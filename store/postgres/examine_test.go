package postgres

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/internal/testkit/relay"
	"github.com/stokerd/stoker/store"
)

// A server that stands still while a new connection asks it what it is keeps no other connection from being made.
func TestServerStandsStillWhenAsked(t *testing.T) {
	t.Parallel()
	server, database := startMigrated(t)
	s := mustOpen(t, database)
	between := relay.Start(t, server.Address)
	config, err := parse(strings.Replace(database, server.Address, between.Address, 1) + "?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	still := make(chan struct{})
	between.FreezeAfter(func(fromServer bool, data []byte) bool {
		asks := !fromServer && bytes.Contains(data, []byte("pg_walfile_name"))
		if asks {
			close(still)
		}
		return asks
	})
	first := make(chan error, 1)
	go func() {
		_, err := (&connector{config: config, history: s.db.connector.history}).connect(context.Background())
		first <- err
	}()
	<-still
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := s.db.connector.connect(ctx)
	if err != nil {
		t.Fatalf("another connection: %v", err)
	}
	conn.close()
	if err := <-first; err == nil {
		t.Error("connected to a server that stands still")
	}
}

// What extensions have made in the schema is not taken for the tables of another application, and the role needs no
// rights on it.
func TestExtensionsInTheSchema(t *testing.T) {
	database := pgserver.Empty(t)
	pgserver.Exec(t, database, `CREATE EXTENSION pg_stat_statements`)
	pgserver.Exec(t, database, `CREATE TABLE of_extension (id integer)`)
	pgserver.Exec(t, database, `ALTER EXTENSION pg_stat_statements ADD TABLE of_extension`)
	if _, _, err := Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	as := asReader(t, database)
	pgserver.Exec(t, database, `GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO stoker_reader`)
	pgserver.Exec(t, database, `REVOKE ALL ON of_extension FROM stoker_reader`)
	s, err := Open(t.Context(), as, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
