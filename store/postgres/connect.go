package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/stokerd/stoker/internal/dburl"
	"github.com/stokerd/stoker/job"
)

const (
	// defaultConnectLimit is how long connecting may take, unless the URL says connect_timeout.
	defaultConnectLimit = 5 * time.Second
	// deadPeer is after what time a connection is given up whose other end does not acknowledge what was sent, or
	// does not answer a probe.
	deadPeer = 5 * time.Second
)

// IsURL reports whether text names a database of PostgreSQL, and no file.
func IsURL(text string) bool {
	return dburl.Is(text)
}

// errURL does not say what is wrong with a URL: a part of it, which may be part of the password, would be in that.
var errURL = errors.New("want postgres://USER@HOST:PORT/DATABASE; a password belongs into the file that PGPASSFILE names, or into the URL with its special characters as %XX")

// errParameter begins what is wrong with a parameter of a URL.
var errParameter = errors.New("a parameter of the URL of the database, or a variable such as PGSSLMODE, is wrong")

// Name names the database of a URL for people, without the password.
func Name(url string) string {
	config, err := parse(url)
	if err != nil {
		return "postgres://..."
	}
	return nameOf(config.ConnConfig)
}

func nameOf(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") { // the directory of a Unix socket
		return "postgres://" + c.User + "@/" + c.Database + "?host=" + c.Host
	}
	hosts := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks { // the same host once more without encryption, and the other hosts
		if host := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); host != hosts[len(hosts)-1] {
			hosts = append(hosts, host)
		}
	}
	return "postgres://" + c.User + "@" + strings.Join(hosts, ",") + "/" + c.Database
}

// parse reads a URL, and the variables and files that PostgreSQL's own clients read.
func parse(text string) (*pgxpool.Config, error) {
	if !IsURL(text) || dburl.HasBrokenPassword(text) {
		return nil, errURL
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, explainURL(text, err)
	}
	c := config.ConnConfig
	if validate := c.ValidateConnect; validate != nil { // target_session_attrs
		c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			if err := validate(ctx, conn); err != nil {
				return fmt.Errorf("%w: %w", ErrReadOnly, err)
			}
			return nil
		}
	}
	c.DialFunc = newDialer().DialContext
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectLimit
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "stoker"
	}
	if c.Database == "" {
		c.Database = c.User
	}
	return config, nil
}

// explainURL says which parameter of a URL is wrong, if that can be said without a part of the password.
func explainURL(text string, err error) error {
	u, parseErr := url.Parse(text)
	wrong, is := errors.AsType[*pgconn.ParseConfigError](err)
	if parseErr != nil || !is || wrong.Unwrap() == nil {
		return errURL
	}
	password, _ := u.User.Password()
	for _, secret := range append(u.Query()["password"], u.Query()["sslpassword"]...) {
		password = cmp.Or(password, secret)
	}
	if said := wrong.Unwrap(); password == "" || !strings.Contains(said.Error(), password) {
		return fmt.Errorf("%w: %w", errParameter, said)
	}
	return errURL
}

func newDialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadPeer, Interval: time.Second, Count: 5},
		Control:         limitUnacknowledged,
	}
}

// connector makes connections, and refuses servers that may not be written to.
type connector struct {
	config  *pgxpool.Config
	history *history // nil: the table is not open yet
}

// session is a connection of its own, outside of the pool of readers.
type session struct {
	*pgx.Conn
	// unsynced is set when the server says that a transaction is committed, but not confirmed by the standby.
	unsynced *atomic.Bool
}

// abandon closes the connection at once, whatever it is doing.
func (s *session) abandon() { _ = s.PgConn().Conn().Close() }

// close says goodbye to the server.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Close(ctx)
}

// connect opens a connection.
func (c *connector) connect(ctx context.Context) (*session, error) {
	s := &session{unsynced: &atomic.Bool{}}
	config := c.config.ConnConfig.Copy()
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Code == codeCommitUnsynced {
			s.unsynced.Store(true)
		}
	}
	var err error
	if s.Conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := c.check(ctx, s.Conn); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// check refuses a server that is a standby, or that acknowledges commits before they are durable, and notices if it has
// been one until now: see [history].
//
// It takes no longer than connecting may: a server that stands still while it is asked must not keep this process from
// going on with another one.
func (c *connector) check(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.ConnConfig.ConnectTimeout)
	defer cancel()
	const query = `
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', current_setting('synchronous_commit')`
	var readOnly bool
	var synchronous string
	if err := conn.QueryRow(ctx, query).Scan(&readOnly, &synchronous); err != nil {
		return fmt.Errorf("ask the server what it is: %w", interpret(err))
	}
	switch {
	case readOnly:
		return fmt.Errorf("%w: %w", job.ErrUnavailable, ErrReadOnly)
	case synchronous == "off":
		return fmt.Errorf("%w: %w", job.ErrUnavailable, ErrNotDurable)
	}
	if c.history == nil {
		return nil
	}
	return c.history.check(ctx, conn)
}
