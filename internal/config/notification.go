package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/spelling"
)

// NotificationEndpoint is an endpoint of notifications.
type NotificationEndpoint struct {
	notification.Endpoint
	// Secrets reads the secrets anew with each call, the newest first, so that they can be rotated while the
	// service runs.
	Secrets func() ([]notification.Secret, error)
}

// notificationNode is an entry of notifications.
type notificationNode struct {
	Name         string   `yaml:"name"`
	URL          string   `yaml:"url"`
	Events       []string `yaml:"events"`   // default: all but job.succeeded
	Accounts     []string `yaml:"accounts"` // whose events are told; nil: all
	AllowPrivate bool     `yaml:"allow_private"`
	SecretEnv    string   `yaml:"secret_env"`
	SecretFile   string   `yaml:"secret_file"`
}

// loadNotifications reads the endpoints of notifications.
func (l *loader) loadNotifications() {
	if n := len(l.file.Notifications); n > notification.MaxEndpoints {
		l.mistakeAt("notifications", "there are %d endpoints; want at most %d", n, notification.MaxEndpoints)
	}
	seen := map[string]bool{}
	for i, n := range l.file.Notifications {
		path := fmt.Sprintf("notifications[%d]", i)
		if n.Name == "" {
			l.mistakeAt(path, "an endpoint needs a name")
		} else if err := notification.CheckName(n.Name); err != nil {
			l.mistakeAt(path+".name", "%s: %v", quoteValue(n.Name), err)
		} else if seen[n.Name] {
			l.mistakeAt(path+".name", "another endpoint has the name %q", n.Name)
		}
		seen[n.Name] = true
		l.config.Notifications = append(l.config.Notifications, l.readNotification(path, n))
	}
}

func (l *loader) readNotification(path string, n notificationNode) NotificationEndpoint {
	e := NotificationEndpoint{Endpoint: notification.Endpoint{
		Name: n.Name, URL: n.URL, AllowPrivate: n.AllowPrivate, Configured: true, Events: notification.DefaultEvents(),
	}}
	if n.URL == "" {
		l.mistakeAt(path, "an endpoint needs a url, such as https://example.com/stoker")
	} else if err := notification.CheckURL(n.URL, n.AllowPrivate); err != nil {
		l.mistakeAt(path+".url", "%v", err) // without the URL, whose path may be secret
	}
	for k, name := range n.Events {
		if err := notification.CheckEvent(name); err != nil {
			l.mistakeAt(fmt.Sprintf("%s.events[%d]", path, k), "unknown event %q: %v%s", name, err, spelling.Hint(name, notification.EventNames()))
		}
	}
	if n.Events != nil {
		e.Events = slices.DeleteFunc(notification.Events(), func(event notification.Event) bool { return !slices.Contains(n.Events, string(event)) })
		if len(n.Events) == 0 {
			l.mistakeAt(path+".events", "the list is empty: name an event, or leave the list out for all but %s", notification.JobSucceeded)
		}
	}
	e.Accounts = l.readAccountNames(path+".accounts", n.Accounts)
	switch {
	case n.SecretEnv == "" && n.SecretFile == "":
		l.mistakeAt(path, "say where the secret is that signs the messages: secret_env or secret_file")
		return e
	case n.SecretEnv != "" && n.SecretFile == "" && !l.checkEnvName(path+".secret_env", n.SecretEnv):
		return e
	case n.SecretFile != "":
		file := l.secretFile(n.SecretFile)
		e.Secrets = func() ([]notification.Secret, error) { return parseSecrets(l.keyFromFile(file)) }
	default:
		e.Secrets = func() ([]notification.Secret, error) { return parseSecrets(l.keyFromEnv(n.SecretEnv)) }
	}
	if n.SecretEnv != "" && n.SecretFile != "" {
		l.mistakeAt(path+".secret_file", "an environment variable and a file exclude each other")
	} else if _, err := e.Secrets(); err != nil {
		key := ".secret_env"
		if n.SecretFile != "" {
			key = ".secret_file"
		}
		l.mistakeAt(path+key, "%v", err)
	}
	return e
}

func parseSecrets(text string, err error) ([]notification.Secret, error) {
	if err != nil {
		return nil, err
	}
	return notification.ParseSecrets(strings.TrimSpace(text))
}
