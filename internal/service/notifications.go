package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/notifier"
	"github.com/stokerd/stoker/store"
)

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
	secrets, err := s.make(e, now)
	if errors.Is(err, notification.ErrOtherKey) { // the file of the right key may be back
		s.mu.Lock()
		s.key = nil
		s.mu.Unlock()
		secrets, err = s.make(e, now)
	}
	return secrets, err
}

// make makes the secrets of an endpoint from the key.
func (s *notificationSecrets) make(e notification.Endpoint, now time.Time) ([]notification.Secret, error) {
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
	key, err := notification.ReadKeyFile(s.file)
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		key = notification.NewKey()
		err = notification.WriteKeyFile(s.file, key)
	}
	if err != nil {
		return notification.Key{}, err
	}
	s.key = &key
	return key, nil
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
	err := s.table.ConfigureEndpoints(ctx, list, time.Now())
	if taken, ok := errors.AsType[*store.EndpointTakenError](err); ok {
		at := slices.IndexFunc(list, func(e notification.Endpoint) bool { return e.Name == taken.Name })
		return &config.Error{Mistakes: []config.Mistake{{
			Where: fmt.Sprintf("notifications[%d].name", at),
			Text:  taken.Error() + ", and has another secret: choose another name, or remove it first: stoker notifications rm " + taken.Name,
		}}}
	}
	if err != nil {
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
	secrets := &notificationSecrets{file: NotificationKeyFile(cfg)}
	table := store.NewNotificationTable(jobs)
	s := notificationSender{table: table, secrets: secrets, Notifier: notifier.New(notifier.Config{
		Store: table, Secrets: secrets.read, AccountStatuses: jobs.AccountStatuses, UserAgent: "stoker/" + Version(), Logger: log,
	})}
	return s, s.configure(ctx, cfg.Notifications)
}
