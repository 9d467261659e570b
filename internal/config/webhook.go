package config

import (
	"cmp"
	"strings"

	"github.com/stokerd/stoker/bitmovin"
)

// webhookKeyEnv holds the key of the accounts that name no other.
const webhookKeyEnv = "STOKER_WEBHOOK_KEY"

// minWebhookKey is how long a key has to be: whoever guesses it can pretend to be
// the platform.
const minWebhookKey = 16

// loadWebhooks gives the accounts without a key of their own the one of all.
func (l *loader) loadWebhooks() {
	shared := l.sharedWebhookKey()
	for i := range l.config.Accounts {
		a := &l.config.Accounts[i]
		a.WebhookKey = cmp.Or(a.WebhookKey, shared)
		if l.config.WebhookURL != "" && a.WebhookKey == "" {
			l.mistake(l.places["webhook-url"], "account %q has no key for its webhooks to be signed with: set %s,"+
				" --webhook-key-file, or webhook_key_env or webhook_key_file of the account", a.ID, webhookKeyEnv)
		}
	}
	if l.config.WebhookURL != "" && l.config.HTTPListen == "" {
		l.mistake(l.places["webhook-url"], "webhooks arrive at --http-listen, which is empty")
	}
}

// sharedWebhookKey is the key of the accounts that have none of their own.
func (l *loader) sharedWebhookKey() bitmovin.Secret {
	const setting = "webhook-key-file"
	file, key := l.config.WebhookKeyFile, strings.TrimSpace(l.Getenv(webhookKeyEnv))
	switch {
	case file != "" && key != "":
		l.mistake(l.places[setting], "--%s and %s exclude each other", setting, webhookKeyEnv)
	case file != "":
		text, err := l.ReadFile(file)
		if key = strings.TrimSpace(string(text)); err != nil {
			l.mistake(l.places[setting], "%s: %v", file, reason(err))
		} else if key == "" {
			l.mistake(l.places[setting], "%s is empty", file)
		}
		l.checkWebhookKey(l.places[setting], key)
	default:
		l.checkWebhookKey(webhookKeyEnv, key)
	}
	return bitmovin.Secret(key)
}

// ownWebhookKey is the key of one account; empty if it names none.
func (l *loader) ownWebhookKey(path string, a accountNode) bitmovin.Secret {
	key := l.secret(path+".webhook_key", a.WebhookKeyEnv, a.WebhookKeyFile)
	l.checkWebhookKey(l.tree.where(path), string(key))
	return key
}

func (l *loader) checkWebhookKey(where, key string) {
	if key != "" && len(key) < minWebhookKey {
		l.mistake(where, "the key for webhooks has %d characters; want at least %d, drawn at random", len(key), minWebhookKey)
	}
}
