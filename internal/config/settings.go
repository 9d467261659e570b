package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/dburl"
	"github.com/stokerd/stoker/job"
)

// Setting is one setting of the service.
type Setting struct {
	Name    string // of the flag, without --
	Kind    string // what the value is, for the help text; a flag of kind bool needs no value
	Default string
	Usage   string

	set func(*Config, string) error
}

// Env returns the environment variable of the setting.
func (s Setting) Env() string {
	return "STOKER_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// key returns the name of the setting in the file. Some settings are in a mapping of their own: the key
// of tls-cert-file is tls.cert_file.
func (s Setting) key() string {
	for _, section := range settingSections {
		if name, ok := strings.CutPrefix(s.Name, section+"-"); ok {
			return section + "." + strings.ReplaceAll(name, "-", "_")
		}
	}
	return strings.ReplaceAll(s.Name, "-", "_")
}

// settingSections are the mappings of the file that have settings in them.
var settingSections = []string{"tls", "backup"}

// authSetting is the setting that says whether callers have to prove who they are. In the file it is a section too.
const authSetting = "auth"

// maxStartsPerDay bounds max_starts_per_day. The platform cannot start as many in a day.
const maxStartsPerDay = 1_000_000

// maxAuditDays bounds how long entries of the audit log are kept, in days.
const maxAuditDays = 36_500

// isTable reports whether a text names a job table: a file, or a database by its URL. What was probably meant to be a
// database is no file: a password may be in it.
func isTable(text string) bool {
	scheme, rest, has := strings.Cut(text, ":")
	if has && strings.HasPrefix(rest, "//") {
		return isDatabaseURL(text)
	}
	isDatabase := strings.HasPrefix(scheme, "postgres") && has || strings.Contains(text, "dbname=") || strings.Contains(text, "password=")
	return text != "" && !isDatabase
}

// isDatabaseURL reports whether a text is the URL of a database.
func isDatabaseURL(text string) bool { return dburl.Is(text) && !dburl.HasBrokenPassword(text) }

// Settings returns all settings in the order of the help text.
func Settings() []Setting {
	return slices.Concat(serviceSettings(), retentionSettings(), logSettings())
}

// serviceSettings are the settings of listeners, job table and platform.
func serviceSettings() []Setting {
	return []Setting{
		{"listen", "address", "127.0.0.1:7070", "where gRPC is served: host:port, or unix:///path", func(c *Config, v string) error {
			c.Listen = v
			return checkAddress(v)
		}},
		{"http-listen", "address", "127.0.0.1:7071", "where /healthz, /readyz and the platform's webhooks are served; empty for nowhere", func(c *Config, v string) error {
			c.HTTPListen = v
			return checkOptionalAddress(v)
		}},
		{"web-listen", "address", "127.0.0.1:7072", "where the page is served, and every call as JSON over HTTP; empty for nowhere", func(c *Config, v string) error {
			c.WebListen = v
			return checkOptionalAddress(v)
		}},
		{"web-url", "url", "", "URL at which browsers reach --web-listen through a proxy; empty: there is none", func(c *Config, v string) error {
			c.WebURL = strings.TrimRight(v, "/")
			if v == "" {
				return nil
			}
			return checkURL(v)
		}},
		{"admin-listen", "address", "127.0.0.1:7073", "where /metrics and /debug/pprof are served; empty for nowhere", func(c *Config, v string) error {
			c.AdminListen = v
			return checkOptionalAddress(v)
		}},
		{"tls-cert-file", "path", "", "file with the certificate of this service, and those between it and its CA; taken up anew within a minute when it changes", func(c *Config, v string) error {
			c.TLS.CertFile = v
			return nil
		}},
		{"tls-key-file", "path", "", "file with the key of that certificate", func(c *Config, v string) error {
			c.TLS.KeyFile = v
			return nil
		}},
		{"tls-client-ca-file", "path", "", "file with the certificates of the CAs whose client certificates are accepted", func(c *Config, v string) error {
			c.TLS.ClientCAFile = v
			return nil
		}},
		{"tls-min-version", "version", "1.3", "the oldest version of TLS that is accepted: 1.3 or 1.2", func(c *Config, v string) error {
			versions := map[string]uint16{"1.3": tls.VersionTLS13, "1.2": tls.VersionTLS12}
			if c.TLS.MinVersion = versions[v]; c.TLS.MinVersion == 0 {
				return errors.New("want 1.3 or 1.2")
			}
			return nil
		}},
		{authSetting, "mode", "", "whether callers have to prove who they are: none or required; by default they have to if other machines can reach the service", func(c *Config, v string) error {
			c.Auth = Auth(v)
			if v != "" && c.Auth != AuthNone && c.Auth != AuthRequired {
				return errors.New("want none or required")
			}
			return nil
		}},
		{"audit-retention", "days", "180", "how many days entries of the audit log are kept; 0: for ever", func(c *Config, v string) error {
			days, err := parseInt(v, 0, maxAuditDays)
			c.AuditRetention = time.Duration(days) * 24 * time.Hour
			return err
		}},
		{"insecure-listen", "bool", "false", "allow addresses that other machines can reach without encryption or without proof of who calls; a warning at each start", func(c *Config, v string) (err error) {
			c.InsecureListen, err = parseBool(v)
			return err
		}},
		{"db", "path", "stoker.db", "the job table: a file, created if there is none, or a database, as postgres://USER@HOST/DATABASE", func(c *Config, v string) error {
			c.DB = v
			if !isTable(v) {
				return errors.New("want the path of a file, or postgres://USER@HOST:PORT/DATABASE")
			}
			return nil
		}},
		{"db-listen", "url", "", "the same database without the pooler that --db names, for wakeups between replicas; empty: --db", func(c *Config, v string) error {
			c.DBListen = v
			if v != "" && !isDatabaseURL(v) {
				return errors.New("want postgres://USER@HOST:PORT/DATABASE")
			}
			return nil
		}},
		{"migrate", "bool", "false", "make the tables of a PostgreSQL database, or bring them up to date, as stoker migrate does", func(c *Config, v string) (err error) {
			c.Migrate, err = parseBool(v)
			return err
		}},
		{"db-must-exist", "bool", "false", "refuse to create the job table", func(c *Config, v string) (err error) {
			c.DBMustExist, err = parseBool(v)
			return err
		}},
		{"accept-no-log", "bool", "false", "start although the write-ahead log of the job table is missing, and the latest changes with it", func(c *Config, v string) (err error) {
			c.AcceptNoLog, err = parseBool(v)
			return err
		}},
		{"bitmovin-url", "url", bitmovin.DefaultBaseURL, "the Bitmovin API, or a simulator", func(c *Config, v string) error {
			c.BitmovinURL = strings.TrimRight(v, "/")
			return checkURL(v)
		}},
		{"queue-target", "int", "3", "encodings to keep queued on the platform, per account; or auto: adapted to how fast the queue drains", func(c *Config, v string) (err error) {
			if c.AutoTarget = v == "auto"; c.AutoTarget {
				return nil
			}
			c.QueueTarget, err = parseInt(v, 1, job.MaxQueueTarget)
			if err != nil {
				err = fmt.Errorf("%w, or auto", err)
			}
			return err
		}},
		{"queue-target-max", "int", "50", "the most that --queue-target auto may choose", func(c *Config, v string) (err error) {
			c.MaxQueueTarget, err = parseInt(v, 1, job.MaxQueueTarget)
			return err
		}},
		{"max-starts-per-day", "int", "0", "starts after which an account pauses until the next day (UTC) or until it is resumed; 0 for no limit", func(c *Config, v string) (err error) {
			c.MaxStarts, err = parseInt(v, 0, maxStartsPerDay)
			return err
		}},
		{"max-retries", "int", strconv.Itoa(job.DefaultMaxRetries), "attempts that may follow the first, for batches without their own setting", func(c *Config, v string) (err error) {
			c.MaxRetries, err = parseInt(v, 0, job.MaxRetryLimit)
			return err
		}},
		{"poll-interval", "duration", "10s", "usual time between two counts of the platform's queue, and between two lists of the running encodings", func(c *Config, v string) (err error) {
			c.PollInterval, err = parseDuration(v, 100*time.Millisecond, time.Hour)
			return err
		}},
		{"webhook-url", "url", "", "URL at which Bitmovin reaches --http-listen, to notify of ended encodings; empty: polling only", func(c *Config, v string) error {
			c.WebhookURL = strings.TrimRight(v, "/")
			if v == "" {
				return nil
			}
			return checkURL(v)
		}},
		{"webhook-key-file", "path", "", "file with the key that webhooks are signed with; or the key itself in $STOKER_WEBHOOK_KEY", func(c *Config, v string) error {
			c.WebhookKeyFile = v
			return nil
		}},
		{"notification-key-file", "path", "", "file with the key from which the secrets of notification endpoints are made that are not in this configuration; made beside the job table if empty", func(c *Config, v string) error {
			c.NotificationKeyFile = v
			return nil
		}},
	}
}

// logSettings are the settings of the log.
func logSettings() []Setting {
	return []Setting{
		{"log-level", "level", "info", "debug, info, warn or error", func(c *Config, v string) error {
			if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
				return errors.New("want debug, info, warn or error")
			}
			return nil
		}},
		{"log-format", "format", "text", "text or json", func(c *Config, v string) error {
			c.LogJSON = v == "json"
			if v != "json" && v != "text" {
				return errors.New("want text or json")
			}
			return nil
		}},
	}
}

func parseInt(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
	if err != nil {
		return 0, fmt.Errorf("want a whole number, %d to %d", least, most)
	}
	return n, inRange(n, least, most)
}

func inRange(n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("want %d to %d", least, most)
	}
	return nil
}

func parseBool(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("want true or false")
	}
	return b, nil
}

func parseDuration(s string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("want %v to %v, for example 10s", least, most)
	}
	return d, nil
}

// checkAddress checks an address to listen on.
func checkAddress(s string) error {
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		if !filepath.IsAbs(path) || len(path) > maxSocketPath {
			return fmt.Errorf("want %s and an absolute path of at most %d characters, for example unix:///run/stoker.sock", unixPrefix, maxSocketPath)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("want host:port, for example 127.0.0.1:7070, or unix:///path")
	}
	return nil
}

// checkOptionalAddress checks an address to listen on, or none.
func checkOptionalAddress(s string) error {
	if s == "" {
		return nil
	}
	return checkAddress(s)
}

// quoteValue quotes a wrong value without the user and password that a URL may contain, or the parameters of a database.
func quoteValue(value string) string {
	if strings.Contains(strings.ToLower(value), "password") && strings.Contains(value, "=") {
		return `"…"`
	}
	if before, _, ok := strings.Cut(value, "://"); ok && strings.Contains(value, "@") {
		return strconv.Quote(before + "://…@" + value[strings.LastIndexByte(value, '@')+1:])
	}
	return strconv.Quote(value)
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(s, "?#") {
		return fmt.Errorf("want http:// or https://, host and path, for example %s", bitmovin.DefaultBaseURL)
	}
	return nil
}
