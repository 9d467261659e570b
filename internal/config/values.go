package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/stokerd/stoker/internal/dburl"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

// Value is an effective value of the configuration. Of a secret it says only whether there is one.
type Value struct {
	Path  string `json:"path"`  // as in the file, such as accounts[0].queue_target
	Value string `json:"value"` // as the file would have it
	// From is where the value comes from: a flag, an environment variable, file:line, or default.
	From string `json:"from"`
}

const (
	fromDefault = "default"
	// A secret is told as one of these.
	secretSet, secretMissing, secretNotSought = "(set)", "(missing)", "(not looked for)"
)

// collectValues lists the effective values: settings, limits, accounts, then the other sections as the file has
// them.
func (l *loader) collectValues() {
	for _, s := range Settings() {
		value, from := l.texts[s.Name], l.sources[s.Name]
		if strings.HasPrefix(from, "default of ") {
			from = fromDefault
		}
		if s.Name == authSetting && value == "" {
			value = string(l.config.Auth) // follows from the listeners and the proofs
		}
		if s.Name == "db" || s.Name == "db-listen" {
			value = WithoutPassword(value)
		}
		l.addValue(s.key(), value, from)
	}
	if key, where := l.readVariable(webhookKeyEnv); key != "" {
		l.addValue("webhook_key", secretSet, where)
	}
	for _, rule := range limitRules() {
		path := "limits." + rule.key
		if !l.yaml.has(path) {
			l.addValue(path, strconv.Itoa(rule.usual), fromDefault)
		}
	}
	for i := range l.config.Accounts {
		l.collectAccount(i)
	}
	if l.yaml != nil {
		for _, v := range l.yaml.values {
			if _, setting := l.file.Settings[v.path]; setting || v.path == "auth.mode" {
				continue
			}
			text := v.text
			if strings.HasPrefix(v.path, "notifications[") && strings.HasSuffix(v.path, "].url") {
				text = notification.WithoutPath(text)
			}
			l.addValue(v.path, text, l.yaml.location(v.path))
		}
	}
	if len(l.file.Profiles) == 0 || l.file.Profiles[job.DefaultName].Videos == nil {
		l.addValue("profiles."+job.DefaultName, "(built in)", fromDefault)
	}
	for _, sample := range l.sampled {
		l.addValue(sample.Path, sample.Value, sample.From)
	}
	slices.SortStableFunc(l.config.Values, func(a, b Value) int { return sectionRank(a.Path) - sectionRank(b.Path) })
}

// sections are the sections of the file behind the settings, in the order in which values are listed.
var sections = []string{"auth", "limits", "accounts", "storages", "notifications", "secrets", "profiles", "templates"}

// sectionRank orders paths by their sections. Settings come first.
func sectionRank(path string) int {
	name, _, below := strings.Cut(path, ".")
	name, _, indexed := strings.Cut(name, "[")
	if !below && !indexed {
		return -1
	}
	return slices.Index(sections, name)
}

func (l *loader) addValue(path, value, from string) {
	l.config.Values = append(l.config.Values, Value{path, value, from})
}

// collectAccount lists what an account has that the file does not say of it.
func (l *loader) collectAccount(i int) {
	a, path := &l.config.Accounts[i], fmt.Sprintf("accounts[%d].", i)
	add := func(key, value, from string) {
		if !l.yaml.has(path + key) {
			l.addValue(path+key, value, from)
		}
	}
	inherited := func(key, value, setting string) {
		from := l.sources[setting]
		if strings.HasPrefix(from, "default of ") {
			from = fromDefault
		}
		add(key, value, from)
	}
	add("id", a.ID, fromDefault)
	add("api_key", l.describeSecret(a.APIKey), l.apiKeySource(i))
	target := strconv.Itoa(a.QueueTarget)
	if a.AutoTarget {
		target = "auto"
	}
	inherited("queue_target", target, "queue-target")
	inherited("max_starts_per_day", strconv.Itoa(a.MaxStarts), "max-starts-per-day")
	inherited("url", a.URL, "bitmovin-url")
}

// describeSecret says whether there is a secret.
func (l *loader) describeSecret(read func() (string, error)) string {
	if l.WithoutSecrets {
		return secretNotSought
	}
	if key, err := read(); err != nil || key == "" {
		return secretMissing
	}
	return secretSet
}

// apiKeySource is where the API key of an account is read from.
func (l *loader) apiKeySource(i int) string {
	if i < len(l.file.Accounts) {
		switch a := l.file.Accounts[i]; {
		case a.APIKeyFile != "":
			return a.APIKeyFile
		case a.APIKeyEnv != "":
			return a.APIKeyEnv
		}
	}
	if _, where, err := l.sample.Get("BITMOVIN_API_KEY"); err == nil && where != "" {
		return where
	}
	return fromDefault
}

// WithoutPassword is the value of the setting db, or db_listen, as people may see it: the URL of a database without the password.
func WithoutPassword(db string) string {
	scheme, _, isURL := strings.Cut(db, "://")
	if !isURL {
		return db
	}
	u, err := url.Parse(db)
	if err != nil || dburl.HasBrokenPassword(db) { // nobody can tell where the password is
		return scheme + "://..."
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}
