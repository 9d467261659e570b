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

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// Config is everything the service can be told.
type Config struct {
	Listen         string // host:port of the gRPC listener
	HTTPListen     string // host:port of the listener for health and webhooks; empty: none
	InsecureListen bool   // Listen and HTTPListen may be reachable from other machines
	DB             string // path of the job table
	BitmovinURL    string // of accounts that name no other; without a trailing slash
	QueueTarget    int    // of accounts that name no other, unless AutoTarget is set
	AutoTarget     bool   // such accounts choose their target by how fast their queue drains
	MaxQueueTarget int    // the most they may choose
	MaxStarts      int    // a day, of accounts that name no other; 0: no limit
	MaxRetries     int    // of batches that name no other
	PollInterval   time.Duration
	WebhookURL     string // where Bitmovin reaches HTTPListen, without a trailing slash; empty: it is not told to
	WebhookKeyFile string // holds the key of accounts that name no other
	LogLevel       slog.Level
	LogJSON        bool

	// Accounts holds at least one account, in the order of the file, unless the platform
	// was left out.
	Accounts []Account
	// Inputs and Outputs hold the storages by name. A storage that can be both
	// is in both; the input and the output of one name may be different ones.
	Inputs, Outputs map[string]Storage
	// Profiles always holds a profile named default.
	Profiles  map[string]job.Recipe
	Templates map[string]job.Template
}

// Account is one API key with its queue target.
type Account struct {
	ID string
	// APIKey reads the key anew with each call, so that a key can be replaced
	// while the service runs. A missing key is an error that says where it was
	// looked for.
	APIKey      func() (string, error)
	TenantOrgID string
	QueueTarget int  // with AutoTarget the most it may choose
	AutoTarget  bool // the queue target follows the drain
	MaxStarts   int  // a day (UTC), then the account pauses; 0: no limit
	URL         string
	// WebhookKey is what the platform signs webhooks with; empty: none are taken.
	WebhookKey bitmovin.Secret
}

// Storage is a place to read assets from or to write results to.
type Storage struct {
	bitmovin.Storage
	// BasePath is put before every path of a job. It neither begins nor ends
	// with a slash.
	BasePath string
}

// Sources are where the configuration comes from. Nil functions read nothing.
type Sources struct {
	// Flags holds the flags that were given, by the name of their setting.
	Flags map[string]string
	// File is the path of the YAML file. Empty: STOKER_CONFIG, else none.
	File string
	// Getenv reads the environment; an empty value counts as unset.
	Getenv func(string) string
	// ReadFile reads the YAML file and whatever it names. Default [os.ReadFile].
	ReadFile func(string) ([]byte, error)
	// Home is the home directory; empty: none.
	Home string
	// WithoutPlatform leaves out accounts and storages, and with them every secret: for
	// what works without the platform, where the secrets need not be.
	WithoutPlatform bool
}

// Error lists what is wrong with the configuration.
type Error struct {
	Mistakes []Mistake
}

// Mistake is one thing wrong with the configuration.
type Mistake struct {
	Where string // a flag, an environment variable, or file:line
	Text  string // what is wrong, and what would be right
}

func (m Mistake) String() string { return m.Where + ": " + m.Text }

// Error lists the mistakes, one per line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the configuration. Its only error is an [*Error].
func Load(s Sources) (*Config, error) {
	l := newLoader(s)
	l.loadFile()
	l.loadSettings()
	if !s.WithoutPlatform {
		l.loadAccounts()
		l.loadWebhooks()
		l.loadStorages()
	}
	l.loadProfiles()
	l.loadTemplates()
	if len(l.mistakes) > 0 {
		return nil, &Error{Mistakes: l.mistakes}
	}
	return &l.config, nil
}

// loader reads one source after the other into a config.
type loader struct {
	Sources
	sample   Sample
	config   Config
	file     document
	tree     *tree // nil without a file
	mistakes []Mistake
	places   map[string]string // where each setting comes from, by its name
}

func newLoader(s Sources) *loader {
	if s.Getenv == nil {
		s.Getenv = func(string) string { return "" }
	}
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	s.File = cmp.Or(s.File, s.Getenv("STOKER_CONFIG"))
	l := &loader{Sources: s, sample: NewSample(s), places: map[string]string{}}
	l.config = Config{
		Inputs:    map[string]Storage{},
		Outputs:   map[string]Storage{},
		Profiles:  map[string]job.Recipe{job.DefaultName: job.DefaultRecipe()},
		Templates: map[string]job.Template{},
	}
	return l
}

func (l *loader) mistake(where, format string, args ...any) {
	l.mistakes = append(l.mistakes, Mistake{Where: where, Text: fmt.Sprintf(format, args...)})
}

// wrongAt notes a mistake in the file, at the line of a path such as
// accounts[1].id.
func (l *loader) wrongAt(path, format string, args ...any) {
	l.mistake(l.tree.where(path), path+": "+format, args...)
}

func (l *loader) loadFile() {
	if l.File == "" {
		return
	}
	text, err := l.ReadFile(l.File)
	if err != nil {
		l.mistake(l.File, "cannot be read: %v", reason(err))
		return
	}
	l.tree = decode(l.File, text, &l.file)
	l.mistakes = append(l.mistakes, l.tree.mistakes...)
}

// loadSettings takes every setting from the first source that has it.
func (l *loader) loadSettings() {
	for _, s := range Settings() {
		value, where, name := s.Default, "default of --"+s.Name, ""
		if text, ok := l.file.Settings[s.key()]; ok {
			value, where, name = text, l.tree.where(s.key()), label(s.key())
		}
		if text := l.Getenv(s.Env()); text != "" {
			value, where, name = text, s.Env(), ""
		}
		if text, ok := l.Flags[s.Name]; ok {
			value, where, name = text, "--"+s.Name, ""
		}
		l.places[s.Name] = where
		if err := s.set(&l.config, strings.TrimSpace(value)); err != nil {
			l.mistake(where, "%s%s: %v", name, shown(value), err)
		}
	}
}

func (l *loader) loadAccounts() {
	seen := map[string]bool{}
	for i, a := range l.file.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		switch {
		case a.ID == "":
			l.wrongAt(path, "an account needs an id")
		case seen[a.ID]:
			l.wrongAt(path+".id", "%q is there twice", a.ID)
		}
		seen[a.ID] = true
		l.config.Accounts = append(l.config.Accounts, l.account(path, a))
	}
	key, _ := l.sample.Get("BITMOVIN_API_KEY")
	if !seen[job.DefaultName] && (len(l.file.Accounts) == 0 || key != "") {
		l.config.Accounts = append(l.config.Accounts, l.defaultAccount())
	}
}

func (l *loader) defaultAccount() Account {
	tenant, _ := l.sample.Get("BITMOVIN_TENANT_ORG_ID")
	account := Account{ID: job.DefaultName, APIKey: l.sample.apiKey, TenantOrgID: tenant, URL: l.config.BitmovinURL, MaxStarts: l.config.MaxStarts}
	l.aim(&account, 0)
	return account
}

// aim sets an account's queue target: its own, or that of accounts without one.
func (l *loader) aim(a *Account, own int) {
	switch {
	case own != 0:
		a.QueueTarget = own
	case l.config.AutoTarget:
		a.QueueTarget, a.AutoTarget = l.config.MaxQueueTarget, true
	default:
		a.QueueTarget = l.config.QueueTarget
	}
}

func (l *loader) account(path string, a accountNode) Account {
	account := Account{
		ID: a.ID, TenantOrgID: a.TenantOrgID,
		URL:        cmp.Or(strings.TrimRight(a.URL, "/"), l.config.BitmovinURL),
		MaxStarts:  cmp.Or(a.MaxStarts, l.config.MaxStarts),
		WebhookKey: l.ownWebhookKey(path, a),
	}
	l.aim(&account, a.QueueTarget)
	if a.QueueTarget != 0 {
		if err := inRange(a.QueueTarget, 1, job.MaxQueueTarget); err != nil {
			l.wrongAt(path+".queue_target", "%d: %v", a.QueueTarget, err)
		}
	}
	if err := inRange(a.MaxStarts, 0, mostStarts); err != nil {
		l.wrongAt(path+".max_starts_per_day", "%d: %v", a.MaxStarts, err)
	}
	if a.URL != "" {
		if err := checkURL(a.URL); err != nil {
			l.wrongAt(path+".url", "%s: %v", shown(a.URL), err)
		}
	}
	switch {
	case a.APIKeyEnv != "" && a.APIKeyFile != "":
		l.wrongAt(path+".api_key_file", "api_key_env and api_key_file exclude each other")
	case a.APIKeyEnv != "":
		l.checkEnvName(path+".api_key_env", a.APIKeyEnv)
		account.APIKey = func() (string, error) { return l.keyFromEnv(a.APIKeyEnv) }
	case a.APIKeyFile != "":
		name := l.besideFile(a.APIKeyFile)
		account.APIKey = func() (string, error) { return l.keyFromFile(name) }
	case a.ID == job.DefaultName:
		account.APIKey = l.sample.apiKey
	default:
		l.wrongAt(path, "say where the API key is: api_key_env or api_key_file")
	}
	return account
}

func (l *loader) keyFromEnv(name string) (string, error) {
	if key := strings.TrimSpace(l.Getenv(name)); key != "" {
		return key, nil
	}
	return "", fmt.Errorf("environment variable %s is not set", name)
}

func (l *loader) keyFromFile(name string) (string, error) {
	text, err := l.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("key file %s: %w", name, reason(err))
	}
	if key := strings.TrimSpace(string(text)); key != "" {
		return key, nil
	}
	return "", fmt.Errorf("key file %s is empty", name)
}

func (l *loader) loadProfiles() {
	for _, name := range slices.Sorted(maps.Keys(l.file.Profiles)) {
		recipe := l.file.Profiles[name]
		for _, v := range recipe.Validate("profiles." + name) {
			l.wrongAt(v.Field, "%s", v.Message)
		}
		l.config.Profiles[name] = recipe
	}
}

func (l *loader) loadTemplates() {
	for _, name := range slices.Sorted(maps.Keys(l.file.Templates)) {
		path, node := "templates."+name, l.file.Templates[name]
		if node.File == "" {
			l.wrongAt(path, "say where the template is: a file, or {file: ..., fallback_regions: [...]}")
			continue
		}
		file := l.besideFile(node.File)
		text, err := l.ReadFile(file)
		if err != nil {
			l.wrongAt(path, "%s: %v", node.File, reason(err))
			continue
		}
		t := job.Template{Name: name, Text: string(text), FallbackRegions: node.FallbackRegions}
		for _, v := range t.Validate(path) {
			l.wrongAt(v.Field, "%s", v.Message)
		}
		_, mistakes := template.Parse(string(text))
		for _, m := range mistakes {
			l.mistake(fmt.Sprintf("%s:%d", file, m.Line), "template %s: %s", name, m.Text)
		}
		l.config.Templates[name] = t
	}
}

// besideFile resolves a path that the configuration file names.
func (l *loader) besideFile(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(l.File), path)
}

// reason leaves out of a file error the operation and the path, which the
// message around it names.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
