package config

import (
	"cmp"
	"strings"

	"github.com/stokerd/stoker/bitmovin"
)

// webhookKeyEnv is the environment variable with the webhook key of accounts without one of their
// own.
const webhookKeyEnv = "STOKER_WEBHOOK_KEY"

// minWebhookKey is the least length of a webhook key in bytes. Anybody who guesses a key can
// pretend to be the platform.
const minWebhookKey = 16

// loadWebhooks gives the shared webhook key to the accounts without one of their own, and checks
// that webhooks can be used if a URL for them is set.
func (l *loader) loadWebhooks() {
	shared := l.sharedWebhookKey()
	for i := range l.config.Accounts {
		a := &l.config.Accounts[i]
		a.WebhookKey = cmp.Or(a.WebhookKey, shared)
		if l.config.WebhookURL != "" && a.WebhookKey == "" {
			l.mistake(l.sources["webhook-url"], "account %q has no key to sign its webhooks with: set %s,"+
				" --webhook-key-file, or webhook_key_env or webhook_key_file of the account", a.ID, webhookKeyEnv)
		}
	}
	if l.config.WebhookURL != "" && l.config.HTTPListen == "" {
		l.mistake(l.sources["webhook-url"], "webhooks arrive at --http-listen, which is empty")
	}
}

// sharedWebhookKey reads the webhook key of the accounts without one of their own.
func (l *loader) sharedWebhookKey() bitmovin.Secret {
	const setting = "webhook-key-file"
	file, key := l.config.WebhookKeyFile, ""
	if key, _ = l.readVariable(webhookKeyEnv); key == "" && l.WithoutSecrets {
		return unreadSecret
	}
	switch {
	case file != "" && key != "":
		l.mistake(l.sources[setting], "--%s and %s exclude each other", setting, webhookKeyEnv)
	case file != "":
		if file = l.expandCredentials(l.sources[setting], file); file == "" {
			return ""
		}
		l.config.SecretFiles = append(l.config.SecretFiles, file)
		text, err := l.ReadFile(file)
		if key = strings.TrimSpace(string(text)); err != nil {
			l.mistake(l.sources[setting], "%s: %v", file, fileCause(err))
		} else if key == "" {
			l.mistake(l.sources[setting], "%s is empty", file)
		}
		l.checkWebhookKey(l.sources[setting], key)
	default:
		l.checkWebhookKey(webhookKeyEnv, key)
	}
	return bitmovin.Secret(key)
}

// ownWebhookKey reads the webhook key of one account. It returns "" if the account names none.
func (l *loader) ownWebhookKey(path string, a accountNode) bitmovin.Secret {
	key := l.readSecret(path+".webhook_key", a.WebhookKeyEnv, a.WebhookKeyFile)
	l.checkWebhookKey(l.yaml.location(path), string(key))
	return key
}

func (l *loader) checkWebhookKey(where, key string) {
	if key != "" && len(key) < minWebhookKey {
		l.mistake(where, "the key for webhooks has %d characters; want at least %d, drawn at random", len(key), minWebhookKey)
	}
}
