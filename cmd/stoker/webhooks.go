package main

import (
	"log/slog"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/webhook"
)

// newReceiver takes webhooks for the accounts that have a key for them, and rings the
// dispatcher.
func newReceiver(cfg *config.Config, platform []dispatcher.Account, d *dispatcher.Dispatcher, log *slog.Logger) (*webhook.Receiver, error) {
	c := webhook.Config{URL: cfg.WebhookURL, Ring: d.Ring, Logger: log}
	for i, a := range cfg.Accounts {
		if a.WebhookKey != "" {
			client := platform[i].Client
			c.Accounts = append(c.Accounts, webhook.Account{ID: a.ID, Key: a.WebhookKey, Platform: client, Unknown: client.Unknown()})
		}
	}
	return webhook.New(c)
}

// accounts is how callers see the accounts: as the dispatcher does, with what is known
// of their webhooks.
type accounts struct {
	*dispatcher.Dispatcher
	webhooks *webhook.Receiver
}

func (a accounts) Status(id string) (job.AccountStatus, bool) {
	s, ok := a.Dispatcher.Status(id)
	return a.with(s), ok
}

func (a accounts) Statuses() []job.AccountStatus {
	all := a.Dispatcher.Statuses()
	for i, s := range all {
		all[i] = a.with(s)
	}
	return all
}

func (a accounts) with(s job.AccountStatus) job.AccountStatus {
	if w, ok := a.webhooks.Status(s.ID); ok {
		s.Webhooks = &w
	}
	return s
}
