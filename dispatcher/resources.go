package dispatcher

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/clock"
	"github.com/stokerd/stoker/job"
)

// The kinds of resources that are created once per account and used by every
// encoding that needs the same.
const (
	kindInput  = "input"
	kindOutput = "output"
	kindConfig = "configuration"
)

// sharedIDs are the platform's ids of what all jobs of a batch share.
type sharedIDs struct {
	input                 bitmovin.InputID
	output                bitmovin.OutputID
	inputBase, outputBase string
	videos, audios        []bitmovin.ConfigID
	used                  []usedResource
}

// usedResource is a resource under the id that was used for it.
type usedResource struct {
	resource
	id string
}

// resource is something to be found or created at the platform.
type resource struct {
	kind   string
	name   string // at the platform; carries the hash
	hash   string // of its content
	exists func(ctx context.Context, id string) (bool, error)
	find   func(ctx context.Context, name string) (id string, found bool, err error)
	create func(ctx context.Context, name string) (id string, err error)
}

// key tells resources apart.
func (r resource) key() string { return r.kind + "/" + r.hash }

// resources finds or creates what encodings share, once per account and
// content. What is remembered is verified once in the life of the process, and again
// whenever the platform refuses something that uses it.
type resources struct {
	store   Store
	account Account
	clock   clock.Clock
	rounds  int // of the hash that tells storages apart
	calls   singleflight.Group

	mu       sync.Mutex
	verified map[string]string   // kind/hash to id
	refused  map[string]trouble  // storages that the platform refused lately, by kind/hash
	storages map[string]resource // by kind/name: describing one takes a slow hash
}

func newResources(s Store, a Account, c clock.Clock) *resources {
	return &resources{store: s, account: a, clock: c, rounds: hashRounds, verified: map[string]string{}, refused: map[string]trouble{}, storages: map[string]resource{}}
}

// share finds or creates everything that the jobs of a batch share.
func (d *driver) share(ctx context.Context, b *batch) (sharedIDs, error) {
	var ids sharedIDs
	input, err := d.storageID(ctx, &ids, b.Input, kindInput)
	if err != nil {
		return ids, err
	}
	ids.input = bitmovin.InputID(input)
	output, err := d.storageID(ctx, &ids, b.Output, kindOutput)
	if err != nil {
		return ids, err
	}
	ids.output = bitmovin.OutputID(output)
	for _, v := range b.Recipe.Videos {
		id, err := d.configID(ctx, &ids, videoConfig(v))
		if err != nil {
			return ids, err
		}
		ids.videos = append(ids.videos, id)
	}
	for _, a := range b.Recipe.Audios {
		id, err := d.configID(ctx, &ids, audioConfig(a))
		if err != nil {
			return ids, err
		}
		ids.audios = append(ids.audios, id)
	}
	return ids, nil
}

// storageID is the platform's id of a batch's input or output.
func (d *driver) storageID(ctx context.Context, ids *sharedIDs, ref job.StorageRef, kind string) (string, error) {
	if ref.ID != "" {
		return ref.ID, nil
	}
	s, ok := d.storages[kind][ref.Name]
	if !ok {
		return "", sharedError{fmt.Errorf("storage %q is not in the server's configuration any more", ref.Name)}
	}
	if kind == kindInput {
		ids.inputBase = s.BasePath
	} else {
		ids.outputBase = s.BasePath
	}
	r, err := d.resource.storage(kind, ref.Name, s)
	if err != nil {
		return "", sharedError{fmt.Errorf("storage %q: %w", ref.Name, err)}
	}
	id, err := d.resource.ensure(ctx, r)
	if err != nil {
		return "", sharedError{fmt.Errorf("storage %q: %w", ref.Name, err)}
	}
	ids.used = append(ids.used, usedResource{r, id})
	return id, nil
}

func (d *driver) configID(ctx context.Context, ids *sharedIDs, c bitmovin.Configuration) (bitmovin.ConfigID, error) {
	r, err := d.resource.config(c)
	if err != nil {
		return "", sharedError{err}
	}
	id, err := d.resource.ensure(ctx, r)
	if err != nil {
		err = fmt.Errorf("codec configuration %q: %w", c.Name, err)
		if _, answered := errors.AsType[*bitmovin.APIError](err); !answered {
			err = sharedError{err}
		}
		return "", err // a refusal is about the recipe
	}
	ids.used = append(ids.used, usedResource{r, id})
	return bitmovin.ConfigID(id), nil
}

// ensure returns the platform's id of r, creating it if need be. Callers that
// want the same at the same time share the work.
func (r *resources) ensure(ctx context.Context, want resource) (string, error) {
	key := want.key()
	r.mu.Lock()
	id, ok := r.verified[key]
	refused := r.refused[key]
	r.mu.Unlock()
	switch {
	case ok:
		return id, nil
	case refused.until.After(r.clock.Now()):
		return "", refused.err // other batches have asked for them just now
	}
	result, err, _ := r.calls.Do(key, func() (any, error) {
		id, err := r.findOrCreate(ctx, want)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.refuse(want, err)
			return "", err
		}
		r.verified[key] = id
		delete(r.refused, key)
		return id, nil
	})
	id, _ = result.(string)
	return id, err
}

// refuse takes note of a storage that the platform refused, so that not every batch that
// uses it asks again. A refused configuration costs a job an attempt: each asks for itself.
func (r *resources) refuse(want resource, err error) {
	if _, answered := errors.AsType[*bitmovin.APIError](err); !answered || bitmovin.Outage(err) || want.kind == kindConfig {
		return
	}
	key := want.key()
	t := r.refused[key]
	t.met(err, r.clock.Now())
	r.refused[key] = t
}

// findOrCreate looks in the job table, then at the platform (a create whose
// answer was lost has left it there), and creates what is nowhere to be found.
func (r *resources) findOrCreate(ctx context.Context, want resource) (string, error) {
	id, _, err := r.store.Resource(ctx, r.account.ID, want.kind, want.hash)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return "", err
	}
	if err == nil {
		exists, err := want.exists(ctx, id)
		if err != nil || exists {
			return id, err
		}
		if err := r.store.DeleteResource(ctx, r.account.ID, want.kind, want.hash); err != nil {
			return "", err
		}
	}
	id, found, err := want.find(ctx, want.name)
	if err == nil && found { // a list may show what the platform does not know any more
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
	return id, r.store.SaveResource(ctx, r.account.ID, want.kind, want.hash, id, r.clock.Now())
}

// allExist verifies resources again after the platform refused something that
// uses them. One that is gone is forgotten and will be created anew.
func (r *resources) allExist(ctx context.Context, ids sharedIDs) bool {
	all := true
	for _, used := range ids.used {
		key := used.key()
		r.mu.Lock()
		id := r.verified[key]
		r.mu.Unlock()
		if id != used.id {
			all = false // somebody else has found it missing
			continue
		}
		if exists, err := used.exists(ctx, id); err != nil || !exists {
			all = false
			r.mu.Lock()
			delete(r.verified, key)
			r.mu.Unlock()
		}
	}
	return all
}

// storage describes an input or output to find or create.
func (r *resources) storage(kind, name string, s Storage) (resource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := kind + "/" + name
	if known, ok := r.storages[key]; ok {
		return known, nil
	}
	described, err := r.describe(kind, name, s)
	if err == nil {
		r.storages[key] = described
	}
	return described, err
}

func (r *resources) describe(kind, name string, s Storage) (resource, error) {
	hash, err := r.storageHash(s.Storage)
	if err != nil {
		return resource{}, err
	}
	want := resource{kind: kind, hash: hash, name: fmt.Sprintf("stoker %s [%s]", name, hash[:12])}
	c := r.account.Client
	named := func(name string) bitmovin.Storage {
		named := s.Storage
		named.Name = name
		return named
	}
	if kind == kindInput {
		want.exists = func(ctx context.Context, id string) (bool, error) { return c.InputExists(ctx, bitmovin.InputID(id)) }
		want.find = func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := c.FindInput(ctx, s.Type, name)
			return string(id), found, err
		}
		want.create = func(ctx context.Context, name string) (string, error) {
			id, err := c.CreateInput(ctx, named(name))
			return string(id), err
		}
		return want, nil
	}
	want.exists = func(ctx context.Context, id string) (bool, error) { return c.OutputExists(ctx, bitmovin.OutputID(id)) }
	want.find = func(ctx context.Context, name string) (string, bool, error) {
		id, found, err := c.FindOutput(ctx, s.Type, name)
		return string(id), found, err
	}
	want.create = func(ctx context.Context, name string) (string, error) {
		id, err := c.CreateOutput(ctx, named(name))
		return string(id), err
	}
	return want, nil
}

// config describes a codec configuration to find or create.
func (r *resources) config(c bitmovin.Configuration) (resource, error) {
	content, err := json.Marshal(c)
	if err != nil {
		return resource{}, err
	}
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	client := r.account.Client
	return resource{
		kind: kindConfig, hash: hash, name: fmt.Sprintf("%s [stoker %s]", c.Name, hash[:12]),
		exists: func(ctx context.Context, id string) (bool, error) {
			return client.ConfigurationExists(ctx, bitmovin.ConfigID(id))
		},
		find: func(ctx context.Context, name string) (string, bool, error) {
			id, found, err := client.FindConfiguration(ctx, c.Type, name)
			return string(id), found, err
		},
		create: func(ctx context.Context, name string) (string, error) {
			named := c
			named.Name = name
			id, err := client.CreateConfiguration(ctx, named)
			return string(id), err
		},
	}, nil
}

// hashRounds makes guessing a weak password from a stolen job table slow.
const hashRounds = 100_000

// storageHash tells storages apart by everything that makes them different,
// credentials included, without giving those away.
func (r *resources) storageHash(s bitmovin.Storage) (string, error) {
	content := fmt.Sprintf("%q", []string{
		string(s.Type), s.Host, fmt.Sprint(s.Port), s.Username, s.Bucket, s.CloudRegion,
		s.SignatureVersion, s.StorageClass, s.RoleARN, s.ExternalID, s.ExternalIDMode,
		s.AccountName, s.Container, s.SigningRegion, s.AccessStyle, fmt.Sprint(s.SSL != nil && *s.SSL),
		string(s.Password), string(s.AccessKey), string(s.SecretKey),
		string(s.ServiceAccountCredentials), string(s.AccountKey),
	})
	key, err := pbkdf2.Key(sha256.New, content, []byte(r.store.InstanceID()), r.rounds, 16)
	return hex.EncodeToString(key), err
}

// videoConfig is the codec configuration of a video rendition.
func videoConfig(v job.Video) bitmovin.Configuration {
	c := bitmovin.Configuration{
		Type: bitmovin.Codec(v.Codec), Name: codecName(v.Codec),
		Height: v.Height, Width: v.Width, Bitrate: v.Bitrate, Rate: v.FrameRate,
		PresetConfiguration: v.Preset, Profile: v.Profile,
	}
	if v.CRF != 0 {
		c.CRF = new(v.CRF)
	}
	if v.Height != 0 {
		c.Name += fmt.Sprintf(" %d", v.Height)
	}
	return c
}

// audioConfig is the codec configuration of an audio rendition.
func audioConfig(a job.Audio) bitmovin.Configuration {
	return bitmovin.Configuration{
		Type: bitmovin.Codec(a.Codec), Name: fmt.Sprintf("%s %d kbit/s", codecName(a.Codec), a.Bitrate/1000),
		Bitrate: a.Bitrate, Rate: float64(a.SampleRate), ChannelLayout: a.ChannelLayout,
	}
}

// codecName is how people write a codec.
func codecName(c job.Codec) string {
	switch c {
	case job.H264:
		return "H.264"
	case job.H265:
		return "H.265"
	case job.HEAACv1:
		return "HE-AAC v1"
	case job.HEAACv2:
		return "HE-AAC v2"
	case job.Opus:
		return "Opus"
	}
	return string(c)
}
