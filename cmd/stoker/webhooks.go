package main

import (
	"log/slog"

	"github.com/stokerd/stoker/dispatcher"
	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/webhook"
)

// newReceiver takes webhooks for the accounts that have a key for them, and hints the
// job table at what they name.
func newReceiver(cfg *config.Config, platform []dispatcher.Account, table *store.Store, log *slog.Logger) (*webhook.Receiver, error) {
	c := webhook.Config{URL: cfg.WebhookURL, Store: table, Logger: log}
	for i, a := range cfg.Accounts {
		if a.WebhookKey != "" {
			client := platform[i].Client
			c.Accounts = append(c.Accounts, webhook.Account{ID: a.ID, Key: a.WebhookKey, Platform: client, Unknown: client.Unknown()})
		}
	}
	return webhook.New(c)
}
