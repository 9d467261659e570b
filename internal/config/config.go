package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/capability"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// Config is the whole configuration.
type Config struct {
	Listen         string    // address of the gRPC listener: host:port, or unix:///path
	HTTPListen     string    // address of the listener for health and webhooks; empty: none
	WebListen      string    // address of the listener for the page and JSON over HTTP; empty: none
	WebURL         string    // URL at which browsers reach WebListen through a proxy, without a trailing slash; empty: none
	AdminListen    string    // address of the listener for metrics and pprof; empty: none
	TLS            TLS       // of all listeners
	Auth           Auth      // whether callers have to prove who they are
	Limits         Limits    // on what callers may do
	InsecureListen bool      // allows addresses that other machines can reach without encryption or login
	DB             string    // the job table: the path of a file, or the URL of a database
	Migrate        bool      // bring the schema of a database up to date; that of a file always is
	DBListen       string    // URL of the database for notifications; empty: DB
	DBMustExist    bool      // refuse to create it
	AcceptNoLog    bool      // open it although its write-ahead log is missing
	Retention      Retention // of batches that have ended
	DiskFloor      Floor     // of the disk of the job table
	Backup         Backup    // while the service runs
	// MigrateWithoutCopy does not copy the job table before its schema is changed.
	MigrateWithoutCopy bool
	BitmovinURL        string            // for accounts without a URL of their own; has no trailing slash
	QueueTarget        int               // for accounts without a queue target of their own, unless AutoTarget is set
	AutoTarget         bool              // accounts without a queue target adapt theirs to how fast their queue drains
	MaxQueueTarget     int               // with AutoTarget the maximum of a queue target
	PrincipalStarts    []PrincipalStarts // limits on starts for the batches of principals; the first that matches counts
	MaxStarts          int               // starts per day, for accounts without a limit of their own; 0: no limit
	MaxRetries         int               // attempts that may follow the first, for batches that do not set it
	PollInterval       time.Duration     // usual time between two counts of the platform's queue
	WebhookURL         string            // URL at which Bitmovin reaches HTTPListen, without a trailing slash; empty: registers none
	WebhookKeyFile     string            // file with the webhook key of accounts without one of their own
	LogLevel           slog.Level
	LogJSON            bool

	// Accounts holds the accounts in the order of the file. It holds at least one, except
	// with [Sources.WithoutPlatform].
	Accounts []Account
	// Inputs and Outputs hold the storages by name. A storage that is input and output is in
	// both. The input and the output of a name may be different storages.
	Inputs, Outputs map[string]Storage
	// Profiles holds the recipes by name, and always one named default.
	Profiles  map[string]job.Recipe
	Templates map[string]job.Template
	// ProfileAccounts and TemplateAccounts hold the accounts that may use a profile or a template, by name
	// of that. All accounts may use one that is not in it.
	ProfileAccounts, TemplateAccounts map[string][]string

	// Notifications holds the endpoints of notifications in the order of the file.
	Notifications []NotificationEndpoint
	// NotificationKeyFile is the file with the key from which the secrets of other endpoints are made. Empty: a file
	// beside DB.
	NotificationKeyFile string

	// Identity says which proofs of who calls count.
	Identity identity.Config
	// AllowInlineTemplates lets submitters use what the API key may use, and not only what is in this file.
	AllowInlineTemplates bool
	AuditRetention       time.Duration // of entries of the audit log; 0: for ever

	// Secret reads the value of a secret that configured templates may name. It is read anew for each call, so
	// that it can be replaced while the service runs.
	Secret func(name string) (string, error)

	// SecretNames are the names that Secret knows, sorted.
	SecretNames []string

	// SecretFiles are the files with secrets that the configuration names. Nobody else should be able to read
	// them.
	SecretFiles []string

	// BlankFile is the path of the YAML file if there is one and nothing is set in it.
	BlankFile string

	// Warnings are what is allowed but odd.
	Warnings []Mistake

	// Values are the effective values, each with where it comes from.
	Values []Value
}

// Account is one API key with its queue target.
type Account struct {
	ID string
	// APIKey reads the key anew with each call, so a key can be replaced while the service
	// runs. If there is no key, the error says where a key was expected.
	APIKey      func() (string, error)
	TenantOrgID string
	QueueTarget int  // with AutoTarget the maximum
	AutoTarget  bool // the account adapts its target to how fast its queue drains
	MaxStarts   int  // starts per day (UTC), after which the account pauses; 0: no limit
	URL         string
	// WebhookKey is the key with which the platform signs webhooks. If it is empty, the
	// service accepts no webhooks for the account.
	WebhookKey bitmovin.Secret
}

// Storage is an input or an output.
type Storage struct {
	bitmovin.Storage
	// BasePath is put before every path of a job. It neither begins nor ends with a slash.
	BasePath string
	// Accounts are those that may use the storage; nil: all.
	Accounts []string
	// SkipPermissionCheck leaves out the check whether the platform may write to the output.
	SkipPermissionCheck bool
}

// Sources are the places from which the configuration is read.
type Sources struct {
	// Flags holds the values of the flags that were given, by the names of their settings.
	Flags map[string]string
	// File is the path of the YAML file. Default: the value of STOKER_CONFIG. If that is
	// empty, there is no file.
	File string
	// Getenv reads the environment. An empty value counts as unset. Default: no variable is
	// set.
	Getenv func(string) string
	// ReadFile reads the YAML file and the files that it names. Default [os.ReadFile].
	ReadFile func(string) ([]byte, error)
	// Home is the home directory. Empty means none.
	Home string
	// WithoutPlatform leaves out accounts and storages, and with them all secrets. It is for
	// commands that do not use the platform.
	WithoutPlatform bool
	// WithoutSecrets looks for no secret and no certificate: those that are named count as being there. It is for a
	// check on another machine than the service's.
	WithoutSecrets bool
}

// Error holds all mistakes of a configuration.
type Error struct {
	Mistakes []Mistake
}

// Mistake is one mistake of a configuration.
type Mistake struct {
	Where string // a flag, an environment variable, or file:line
	Text  string // what is wrong, and how to correct it
}

func (m Mistake) String() string { return m.Where + ": " + m.Text }

// Error returns the mistakes, one on each line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// Summarize returns an error that says how many mistakes there are, and the first of them.
func (e *Error) Summarize() error {
	if more := len(e.Mistakes) - 1; more > 0 {
		return fmt.Errorf("%s (and %d more)", e.Mistakes[0], more)
	}
	return errors.New(e.Mistakes[0].String())
}

// Load reads the configuration. Its only error is an [*Error].
func Load(s Sources) (*Config, error) {
	l := newLoader(s)
	l.loadFile()
	l.loadSettings()
	l.checkTLS()
	l.checkBackup()
	l.setAuth()
	l.loadLimits()
	if !s.WithoutPlatform {
		l.loadAccounts()
		l.loadWebhooks()
		l.loadStorages()
		l.loadNotifications()
	}
	l.loadProfiles()
	l.loadSecrets()
	l.loadTemplates()
	l.loadAccess()
	l.checkAccountNames()
	if len(l.mistakes) > 0 {
		return nil, &Error{Mistakes: l.mistakes}
	}
	l.collectValues()
	return &l.config, nil
}

// loader reads the sources into a Config.
type loader struct {
	Sources
	sample   Sample
	config   Config
	file     document
	yaml     *yamlTree // nil without a file
	mistakes []Mistake
	sources  map[string]string // the source of each setting, by its name
	texts    map[string]string // the text of each setting, by its name

	accountNames []namedAccounts // to which something is bound
	sampled      []Value         // storages that come from a [Sample]
}

func newLoader(s Sources) *loader {
	if s.Getenv == nil {
		s.Getenv = func(string) string { return "" }
	}
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	s.File = cmp.Or(s.File, s.Getenv("STOKER_CONFIG"))
	l := &loader{Sources: s, sample: NewSample(s), sources: map[string]string{}, texts: map[string]string{}}
	l.config = Config{
		Inputs:    map[string]Storage{},
		Outputs:   map[string]Storage{},
		Profiles:  map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()},
		Templates: map[string]job.Template{},

		ProfileAccounts: map[string][]string{}, TemplateAccounts: map[string][]string{},
	}
	return l
}

func (l *loader) mistake(where, format string, args ...any) {
	l.mistakes = append(l.mistakes, Mistake{Where: where, Text: fmt.Sprintf(format, args...)})
}

// mistakeAt adds a mistake in the file, at the line of a path such as accounts[1].id.
func (l *loader) mistakeAt(path, format string, args ...any) {
	l.mistake(l.yaml.location(path), path+": "+format, args...)
}

// noteFindings adds violations as mistakes, and warnings, at the lines of their fields.
func (l *loader) noteFindings(violations, warnings []job.Violation) {
	for _, v := range violations {
		l.mistakeAt(v.Field, "%s", v.Message)
	}
	for _, w := range warnings {
		l.config.Warnings = append(l.config.Warnings, Mistake{Where: l.yaml.location(w.Field), Text: w.Field + ": " + w.Message})
	}
}

func (l *loader) loadFile() {
	if l.File == "" {
		return
	}
	text, err := l.ReadFile(l.File)
	if err != nil {
		l.mistake(l.File, "cannot be read: %v", fileCause(err))
		return
	}
	l.yaml = decode(l.File, text, &l.file)
	l.mistakes = append(l.mistakes, l.yaml.mistakes...)
	if len(l.yaml.lines) == 0 && len(l.yaml.mistakes) == 0 {
		l.config.BlankFile = l.File
		l.config.Warnings = append(l.config.Warnings, Mistake{Where: l.File, Text: "nothing is set in it"})
	}
	if l.file.Auth.Mode != "" {
		l.file.Settings["auth"] = l.file.Auth.Mode
	}
}

// loadSettings gives every setting the value of the first source that has one: flag, environment,
// file, default.
func (l *loader) loadSettings() {
	for _, s := range Settings() {
		value, where, name := s.Default, "default of --"+s.Name, ""
		if text, ok := l.file.Settings[s.key()]; ok {
			value, where, name = text, l.yaml.location(s.key()), prefix(s.key())
		}
		if text := l.Getenv(s.Env()); text != "" {
			value, where, name = text, s.Env(), ""
		}
		if text, ok := l.Flags[s.Name]; ok {
			value, where, name = text, "--"+s.Name, ""
		}
		l.sources[s.Name], l.texts[s.Name] = where, strings.TrimSpace(value)
		if err := s.set(&l.config, strings.TrimSpace(value)); err != nil {
			l.mistake(where, "%s%s: %v", name, quoteValue(value), err)
		}
	}
}

func (l *loader) loadAccounts() {
	seen := map[string]bool{}
	for i, a := range l.file.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		switch {
		case a.ID == "":
			l.mistakeAt(path, "an account needs an id")
		case utf8.RuneCountInString(a.ID) > job.MaxAccountID:
			l.mistakeAt(path+".id", "an id has at most %d characters", job.MaxAccountID)
		case seen[a.ID]:
			l.mistakeAt(path+".id", "another account has the id %q", a.ID)
		}
		seen[a.ID] = true
		l.config.Accounts = append(l.config.Accounts, l.readAccount(path, a))
	}
	if seen[job.DefaultName] {
		return
	}
	if key, _ := l.sampleValue("BITMOVIN_API_KEY"); len(l.file.Accounts) == 0 || key != "" {
		l.config.Accounts = append(l.config.Accounts, l.defaultAccount())
	}
}

func (l *loader) defaultAccount() Account {
	tenant, _ := l.sampleValue("BITMOVIN_TENANT_ORG_ID")
	account := Account{ID: job.DefaultName, APIKey: l.sample.apiKey, TenantOrgID: tenant, URL: l.config.BitmovinURL, MaxStarts: l.config.MaxStarts}
	l.setQueueTarget(&account, 0)
	return account
}

// setQueueTarget sets the queue target of an account: its own or, if own is 0, that of --queue-target.
func (l *loader) setQueueTarget(a *Account, own int) {
	switch {
	case own != 0:
		a.QueueTarget = own
	case l.config.AutoTarget:
		a.QueueTarget, a.AutoTarget = l.config.MaxQueueTarget, true
	default:
		a.QueueTarget = l.config.QueueTarget
	}
}

func (l *loader) readAccount(path string, a accountNode) Account {
	account := Account{
		ID: a.ID, TenantOrgID: a.TenantOrgID,
		URL:        cmp.Or(strings.TrimRight(a.URL, "/"), l.config.BitmovinURL),
		MaxStarts:  cmp.Or(a.MaxStarts, l.config.MaxStarts),
		WebhookKey: l.ownWebhookKey(path, a),
	}
	l.setQueueTarget(&account, a.QueueTarget)
	if a.QueueTarget != 0 {
		if err := inRange(a.QueueTarget, 1, job.MaxQueueTarget); err != nil {
			l.mistakeAt(path+".queue_target", "%d: %v", a.QueueTarget, err)
		}
	}
	if err := inRange(a.MaxStarts, 0, maxStartsPerDay); err != nil {
		l.mistakeAt(path+".max_starts_per_day", "%d: %v", a.MaxStarts, err)
	}
	if a.URL != "" {
		if err := checkURL(a.URL); err != nil {
			l.mistakeAt(path+".url", "%s: %v", quoteValue(a.URL), err)
		}
	}
	switch {
	case a.APIKeyEnv != "" && a.APIKeyFile != "":
		l.mistakeAt(path+".api_key_file", "api_key_env and api_key_file exclude each other")
	case a.APIKeyEnv != "":
		l.checkEnvName(path+".api_key_env", a.APIKeyEnv)
		account.APIKey = func() (string, error) { return l.keyFromEnv(a.APIKeyEnv) }
	case a.APIKeyFile != "":
		name := l.secretFile(path+".api_key_file", a.APIKeyFile)
		account.APIKey = func() (string, error) { return l.keyFromFile(name) }
	case a.ID == job.DefaultName:
		_, _ = l.sampleValue("BITMOVIN_API_KEY") // notes a mistake; the value is read again for every call
		account.APIKey = l.sample.apiKey
	default:
		l.mistakeAt(path, "say where the API key is: api_key_env or api_key_file")
	}
	return account
}

func (l *loader) keyFromEnv(name string) (string, error) {
	if key, _ := l.readVariable(name); key != "" {
		return key, nil
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

func (l *loader) keyFromFile(name string) (string, error) {
	text, err := l.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("key file %s: %w", name, fileCause(err))
	}
	if key := strings.TrimSpace(string(text)); key != "" {
		return key, nil
	}
	return "", fmt.Errorf("key file %s is empty", name)
}

func (l *loader) loadProfiles() {
	for _, name := range slices.Sorted(maps.Keys(l.file.Profiles)) {
		recipe := l.file.Profiles[name].Recipe
		if accounts := l.readAccountNames("profiles."+name+".accounts", l.file.Profiles[name].Accounts); accounts != nil {
			l.config.ProfileAccounts[name] = accounts
		}
		l.noteFindings(capability.CheckRecipe(recipe, "profiles."+name))
		l.config.Profiles[name] = recipe
	}
}

func (l *loader) loadTemplates() {
	for _, name := range slices.Sorted(maps.Keys(l.file.Templates)) {
		path, node := "templates."+name, l.file.Templates[name]
		if node.File == "" {
			l.mistakeAt(path, "say where the template is: a file, or {file: ..., fallback_regions: [...], variables: {...}}")
			continue
		}
		file := l.resolvePath(node.File)
		text, err := l.ReadFile(file)
		if err != nil {
			l.mistakeAt(path, "%s: %v", node.File, fileCause(err))
			continue
		}
		t := job.Template{
			Name: name, Text: string(text), FallbackRegions: node.FallbackRegions,
			AllowUnknown: node.AllowUnknown, Variables: node.variables(),
		}
		l.noteFindings(t.Validate(path), nil)
		l.noteFindings(capability.CheckFallbackRegions(t.FallbackRegions, t.AllowUnknown, path))
		parsed, mistakes := template.Parse(t)
		l.noteFindings(template.CheckDeclarations(path, t.Variables, parsed), nil)
		l.checkSecrets(path, parsed)
		for _, m := range mistakes {
			l.mistake(fmt.Sprintf("%s:%d", file, m.Line), "template %s: %s", name, m.Text)
		}
		l.config.Templates[name] = t
		if accounts := l.readAccountNames(path+".accounts", node.Accounts); accounts != nil {
			l.config.TemplateAccounts[name] = accounts
		}
	}
}

// resolvePath resolves a path that the configuration file contains. A relative path begins at the
// directory of the configuration file. One of a credential is left as it is.
func (l *loader) resolvePath(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, credentialsPrefix) {
		return path
	}
	return filepath.Join(filepath.Dir(l.File), path)
}

// fileCause returns the cause of a file error without the operation and the path, which the message
// around it names.
func fileCause(err error) error {
	p, ok := errors.AsType[*fs.PathError](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(p.Path, systemCredentials) && errors.Is(err, fs.ErrNotExist):
		return ErrNoCredential
	}
	return p.Err
}
