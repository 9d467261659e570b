package postgres

import (
	"testing"

	"github.com/stokerd/stoker/internal/testkit/pgserver"
	"github.com/stokerd/stoker/job"
)

// A status that the database did not take is published later: the account may not change again for long.
func TestStatusIsPublishedLater(t *testing.T) {
	t.Parallel()
	database := migrated(t)
	s := mustOpen(t, database)
	view := s.As(campaign(t, s, "default"))
	for _, statement := range []string{
		`CREATE SEQUENCE refused`, // counts what is rolled back, too
		`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''refused''); RAISE EXCEPTION ''not now''; END'`,
		`CREATE TRIGGER refuse BEFORE INSERT ON account_status FOR EACH ROW EXECUTE FUNCTION refuse()`,
	} {
		pgserver.Exec(t, database, statement)
	}
	view.PublishAccountStatus(job.AccountStatus{ID: "default"})
	pgserver.Await(t, database, `SELECT is_called FROM refused`)
	pgserver.Exec(t, database, `DROP TRIGGER refuse ON account_status`)
	pgserver.Await(t, database, `SELECT count(*) = 1 FROM account_status`)
}
