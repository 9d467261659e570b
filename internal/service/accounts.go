package service

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/webhook"
)

// connectAccounts makes a client of the platform for every account, in the order of cfg. It makes no
// call. Accounts with the same API key share a rate governor, because the platform's rate limits are per
// key.
func (s *Service) connectAccounts(cfg *config.Config) ([]dispatcher.Account, error) {
	var accounts []dispatcher.Account
	governors := map[string]*bitmovin.Governor{}
	for _, a := range cfg.Accounts {
		key, err := a.APIKey()
		if err != nil {
			key = "account " + a.ID // an account that has no key yet gets a governor of its own
		}
		if governors[key] == nil {
			governors[key] = bitmovin.NewGovernor(nil)
		}
		options := bitmovin.Options{
			BaseURL: a.URL, APIKey: func() (string, error) { return s.keys.read(a.ID) }, TenantOrgID: a.TenantOrgID, Governor: governors[key],
			Logger: s.log.With("account", a.ID), UserAgent: "stoker/" + Version(), OnCall: s.metrics.CountPlatformCalls(a.ID),
		}
		if s.tracing != nil {
			options.WrapTransport = s.tracing.Transport
		}
		client, err := bitmovin.New(options)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.ID, err)
		}
		account := dispatcherAccount(cfg, a)
		account.Client = client
		accounts = append(accounts, account)
	}
	return accounts, nil
}

// dispatcherAccount converts a configured account to the dispatcher's type, without a client.
func dispatcherAccount(cfg *config.Config, a config.Account) dispatcher.Account {
	return dispatcher.Account{
		ID: a.ID, QueueTarget: a.QueueTarget, AutoTarget: a.AutoTarget, MaxAutoTarget: cfg.MaxQueueTarget, MaxStartsPerDay: a.MaxStarts,
	}
}

// apiKeys reads the API keys of accounts from where the configuration in force says. Each call to the platform reads
// its key anew.
type apiKeys struct {
	accounts atomic.Pointer[[]config.Account]
}

// set changes where keys are read from.
func (k *apiKeys) set(accounts []config.Account) { k.accounts.Store(&accounts) }

// read returns the key of an account.
func (k *apiKeys) read(id string) (string, error) {
	for _, a := range *k.accounts.Load() {
		if a.ID == id {
			return a.APIKey()
		}
	}
	return "", fmt.Errorf("account %s is no longer in the configuration", id)
}

// newWebhookReceiver makes a receiver of webhooks for the accounts that have a webhook key.
func newWebhookReceiver(cfg *config.Config, accounts []dispatcher.Account, jobs *store.Store, log *slog.Logger) (*webhook.Receiver, error) {
	return webhook.New(webhook.Config{URL: cfg.WebhookURL, Drives: jobs.Drives, Store: jobs, Logger: log, Accounts: webhookAccounts(cfg, accounts)})
}

// webhookAccounts are those of the accounts that have a webhook key in a configuration.
func webhookAccounts(cfg *config.Config, accounts []dispatcher.Account) (list []webhook.Account) {
	keys := map[string]bitmovin.Secret{}
	for _, a := range cfg.Accounts {
		keys[a.ID] = a.WebhookKey
	}
	for _, a := range accounts {
		if key := keys[a.ID]; key != "" {
			list = append(list, webhook.Account{ID: a.ID, Key: key, Platform: a.Client, Unknown: a.Client.Unknown()})
		}
	}
	return list
}
