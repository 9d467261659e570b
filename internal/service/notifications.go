package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/notifier"
	"github.com/stokerd/stoker/store"
)

// notificationKeySuffix ends the name of the file with the notification key, beside the job table.
const notificationKeySuffix = ".notification-key"

// notificationKeyNote is what the file says to people.
const notificationKeyNote = `# The secrets of the endpoints of notifications are made from this key. It belongs into a backup of its own, and
# nowhere beside backups of the job table.
`

// notificationSecrets finds the secrets of endpoints: those of the configuration where it says, and the others by a key
// from a file, which is made when it is first needed.
type notificationSecrets struct {
	file string

	mu         sync.Mutex
	configured map[string]func() ([]notification.Secret, error) // by name of the endpoint
	key        *notification.Key                                // nil: not read yet
}

func (s *notificationSecrets) setConfigured(endpoints []config.NotificationEndpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configured = map[string]func() ([]notification.Secret, error){}
	for _, e := range endpoints {
		s.configured[e.Name] = e.Secrets
	}
}

// read returns the secrets of an endpoint that are valid at a time.
func (s *notificationSecrets) read(e notification.Endpoint, now time.Time) ([]notification.Secret, error) {
	if e.Configured {
		s.mu.Lock()
		read := s.configured[e.Name]
		s.mu.Unlock()
		if read == nil {
			return nil, errors.New("the configuration no longer has the endpoint")
		}
		return read()
	}
	key, err := s.readKey(false)
	if err != nil {
		return nil, err
	}
	return key.Secrets(e.Keys, now)
}

// readKey returns the key. With make it makes one if there is none.
func (s *notificationSecrets) readKey(mayMake bool) (notification.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return *s.key, nil
	}
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		key := notification.NewKey()
		if err := writeKey(s.file, key); err != nil {
			return key, fmt.Errorf("notification key: %w", err)
		}
		s.key = &key
		return key, nil
	}
	if err != nil {
		return notification.Key{}, fmt.Errorf("notification key: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	key, err := notification.ParseKey(strings.Join(lines, "\n"))
	if err != nil {
		return key, fmt.Errorf("notification key %s: %w", s.file, err)
	}
	s.key = &key
	return key, nil
}

// writeKey keeps a key where there is none. The file is whole or not there.
func writeKey(name string, key notification.Key) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // for its owner only
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	_, err = f.WriteString(notificationKeyNote + key.Reveal() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), name) // fails if somebody else was faster
}

// notificationSender is what the server uses of notifications besides the job table.
type notificationSender struct {
	*notifier.Notifier
	table   store.NotificationTable
	secrets *notificationSecrets
}

// configure has the endpoints of a configuration replace those of the one before.
func (s notificationSender) configure(ctx context.Context, endpoints []config.NotificationEndpoint) error {
	var list []notification.Endpoint
	for _, e := range endpoints {
		list = append(list, e.Endpoint)
	}
	if err := s.table.ConfigureEndpoints(ctx, list, time.Now()); err != nil {
		return fmt.Errorf("endpoints of notifications: %w", err)
	}
	s.secrets.setConfigured(endpoints)
	return nil
}

// NewSecret makes the secret of an endpoint, and what it can be made from again.
func (s notificationSender) NewSecret(now time.Time) (notification.Secret, notification.SecretKey, error) {
	key, err := s.secrets.readKey(true)
	if err != nil {
		return notification.Secret{}, notification.SecretKey{}, err
	}
	return key.NewSecret(now)
}

// newNotifier stores the endpoints of the configuration and makes the notifier.
func newNotifier(ctx context.Context, cfg *config.Config, jobs *store.Store, log *slog.Logger) (notificationSender, error) {
	secrets := &notificationSecrets{file: cmp.Or(cfg.NotificationKeyFile, cfg.DB+notificationKeySuffix)}
	table := store.NewNotificationTable(jobs)
	s := notificationSender{table: table, secrets: secrets, Notifier: notifier.New(notifier.Config{
		Store: table, Secrets: secrets.read, AccountStatuses: jobs.AccountStatuses, UserAgent: "stoker/" + Version(), Logger: log,
	})}
	return s, s.configure(ctx, cfg.Notifications)
}
