package provision

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// DefaultHashRounds is the default of Config.HashRounds. So many rounds make it slow to guess a
// weak password from the hash in a stolen job table.
const DefaultHashRounds = 100_000

// After the platform has refused a storage, no call is made for it during a pause that doubles
// with each refusal between these bounds.
const (
	firstRefusalPause = 4 * time.Second
	maxRefusalPause   = 30 * time.Second
)

// resourceCache finds or creates shared resources, once per account and content. It asks the
// platform once in the life of the process whether a stored id exists, and again when the
// platform has refused a call that uses the id. It is safe for concurrent use.
type resourceCache struct {
	accountID  string
	platform   Platform
	store      ResourceStore
	clock      clock.Clock
	hashRounds int
	calls      singleflight.Group

	mu       sync.Mutex
	verified map[string]string           // ids by resource key
	refusals map[string]refusal          // of storages, by resource key
	storages map[string]describedStorage // by kind and name, because hashing one is slow
}

// describedStorage is a storage as it was when it was described.
type describedStorage struct {
	storage bitmovin.Storage
	resource
}

// refusal is the platform's refusal of a storage.
type refusal struct {
	err   error
	until time.Time // no call before
	count int       // in a row
}

// ensure returns the platform's id of a resource and creates the resource if it is missing.
// Concurrent callers that want the same resource share one search and one create call.
func (c *resourceCache) ensure(ctx context.Context, want resource) (string, error) {
	key := want.key()
	c.mu.Lock()
	id, ok := c.verified[key]
	refused := c.refusals[key]
	c.mu.Unlock()
	switch {
	case ok:
		return id, nil
	case refused.until.After(c.clock.Now()):
		return "", refused.err // the platform has just refused it
	}
	result, err, _ := c.calls.Do(key, func() (any, error) {
		id, err := c.findOrCreate(ctx, want)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.noteRefusal(want, err)
			return "", err
		}
		c.verified[key] = id
		delete(c.refusals, key)
		return id, nil
	})
	id, _ = result.(string)
	return id, err
}

// noteRefusal makes all batches that use a refused storage wait before the next call for it. A
// refused codec configuration or filter is not noted: it costs each job an attempt, and each
// attempt makes the call anew. The caller holds c.mu.
func (c *resourceCache) noteRefusal(want resource, err error) {
	if _, answered := errors.AsType[*bitmovin.APIError](err); !answered || bitmovin.Outage(err) || want.ofRecipe() {
		return
	}
	r, now := c.refusals[want.key()], c.clock.Now()
	if !r.until.After(now) { // calls that were refused side by side count once
		r.until = now.Add(min(firstRefusalPause<<min(r.count, 20), maxRefusalPause))
		r.count++
	}
	r.err = err
	c.refusals[want.key()] = r
}

// findOrCreate looks for a resource in the store, then at the platform, where a create call
// whose answer was lost may have left it, and creates it if neither has it.
func (c *resourceCache) findOrCreate(ctx context.Context, want resource) (string, error) {
	id, _, err := c.store.Resource(ctx, c.accountID, string(want.kind), want.hash)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return "", err
	}
	if err == nil {
		exists, err := want.exists(ctx, id)
		if err != nil || exists {
			return id, err
		}
		if err := c.store.DeleteResource(ctx, c.accountID, string(want.kind), want.hash); err != nil {
			return "", err
		}
	}
	id, found, err := want.find(ctx, want.name)
	if err == nil && found { // a list may still show a resource that was deleted
		found, err = want.exists(ctx, id)
	}
	if err != nil {
		return "", err
	}
	if !found {
		if id, err = want.create(ctx, want.name); err != nil {
			return "", err
		}
	}
	return id, c.store.SaveResource(ctx, c.accountID, string(want.kind), want.hash, id, c.clock.Now())
}

// verify asks the platform for each resource again. It reports whether all of them exist under
// the ids that were used; an error counts as missing. It forgets the missing ones, so that they
// are looked up, and if need be created, when they are needed next.
func (c *resourceCache) verify(ctx context.Context, resources []usedResource) bool {
	all := true
	for _, used := range resources {
		key := used.key()
		c.mu.Lock()
		id := c.verified[key]
		c.mu.Unlock()
		if id != used.id {
			all = false // another job has found the resource missing
			continue
		}
		if exists, err := used.exists(ctx, id); err != nil || !exists {
			all = false
			c.mu.Lock()
			delete(c.verified, key)
			c.mu.Unlock()
		}
	}
	return all
}

// storage describes a configured input or output as a resource.
func (c *resourceCache) storage(kind resourceKind, name string, s bitmovin.Storage) (resource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := string(kind) + "/" + name
	if known, ok := c.storages[key]; ok && reflect.DeepEqual(known.storage, s) { // the configuration may have changed
		return known.resource, nil
	}
	hash, err := c.storageHash(s)
	if err != nil {
		return resource{}, err
	}
	described := outputResource(c.platform, name, hash, s)
	if kind == kindInput {
		described = inputResource(c.platform, name, hash, s)
	}
	c.storages[key] = describedStorage{s, described}
	return described, nil
}

// storageHash identifies a storage by all its fields but the name, credentials included, without
// giving the credentials away.
func (c *resourceCache) storageHash(s bitmovin.Storage) (string, error) {
	fields := []string{
		string(s.Type), s.Host, fmt.Sprint(s.Port), s.Username, s.Bucket, s.CloudRegion,
		s.SignatureVersion, s.StorageClass, s.RoleARN, s.ExternalID, s.ExternalIDMode,
		s.AccountName, s.Container, s.SigningRegion, s.AccessStyle, fmt.Sprint(s.SSL != nil && *s.SSL),
		string(s.Password), string(s.AccessKey), string(s.SecretKey),
		string(s.ServiceAccountCredentials), string(s.AccountKey),
	}
	if p := s.ServicePrincipal; p != (bitmovin.ServicePrincipal{}) { // the hashes of other storages are those of earlier versions
		fields = append(fields, p.TenantID, p.ClientID, string(p.ClientSecret), string(p.ClientCertificate))
	}
	key, err := pbkdf2.Key(sha256.New, fmt.Sprintf("%q", fields), []byte(c.store.InstanceID()), c.hashRounds, 16)
	return hex.EncodeToString(key), err
}
