package doctor

import (
	"fmt"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/store"
)

const (
	// offsetWarn is a difference of clocks that a time server does not leave; with offsetFail no account is driven.
	offsetWarn, offsetFail = time.Second, 30 * time.Second
	// oldSnapshot is how many transactions a snapshot may be old before changes get slower.
	oldSnapshot = 1_000_000
)

// CheckDatabase says how the database of a job table stands. err is why that is not known, and db names the database.
// running says that a service works on it, and not only this check.
func CheckDatabase(d store.Database, db string, running bool, err error) (findings []Finding) {
	name := config.WithoutPassword(db)
	if err != nil {
		return []Finding{fail(AboutJobTable, name, "see docs/postgresql.md, Refusals", "cannot be used: %v", err)}
	}
	history := "its timeline is not known, so a failover that loses changes is not noticed"
	if d.Timeline != "" {
		history = "timeline " + d.Timeline
	}
	findings = append(findings, ok(AboutJobTable, name, "PostgreSQL %s, %s; the tables and the rights are right", d.Version, history))
	if d.Synchronous {
		findings = append(findings, ok(AboutJobTable, name, "commits wait for a standby: a failover loses nothing that was acknowledged"))
	} else {
		findings = append(findings, ok(AboutJobTable, name, "commits wait for no standby: a failover loses what was acknowledged last"))
	}
	if d.UnverifiedHost != "" {
		findings = append(findings, warn(AboutJobTable, name, "say sslmode=verify-full in the URL of the database, and sslrootcert for a CA of your own",
			"nothing shows that %s is the right server, and the connection may be in plain text", d.UnverifiedHost))
	}
	if d.Connections*10 >= d.MaxConnections*9 {
		findings = append(findings, warn(AboutJobTable, name, "raise max_connections, or find who holds them in pg_stat_activity", "the server has %d of %d connections", d.Connections, d.MaxConnections))
	}
	if d.OldestSnapshot > oldSnapshot {
		findings = append(findings, warn(AboutJobTable, name, "end the session: pg_stat_activity has it by backend_xmin",
			"a session of the server has kept a snapshot for %d transactions: every change gets slower", d.OldestSnapshot))
	}
	if running && !d.Figures.Listening {
		findings = append(findings, warn(AboutJobTable, name, "behind a pooler name the server itself with --db-listen", "the wakeups of other replicas do not arrive, and changes are seen later"))
	}
	clock := ok(AboutClock, name, "agrees with the database's")
	if off := d.ClockOffset.Abs(); off > offsetWarn {
		clock = warn(AboutClock, name, "have both machines follow a time server", "differs from the database's by %s", d.ClockOffset.Round(time.Millisecond))
		if off > offsetFail {
			clock.Outcome, clock.Text = Fail, fmt.Sprintf("%s: no account is driven from here", clock.Text)
		}
	}
	return append(findings, clock)
}
