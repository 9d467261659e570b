package config

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/stokerd/stoker/internal/notification"
)

// Difference says what a changed configuration changes in a service that runs.
type Difference struct {
	// Changed are the keys that the service can take up, such as profiles.hd or queue_target.
	Changed []string
	// Restart are the keys that it takes up when it is started anew.
	Restart []string
}

// Compare says what after changes. An entry of a section is named as a whole.
func Compare(before, after *Config) (d Difference) {
	keys := map[string]bool{}
	old, now := valuesByPath(before), valuesByPath(after)
	for path := range old {
		if value, ok := now[path]; !ok || value != old[path] {
			keys[entryKey(path)] = true
		}
	}
	for path := range now {
		if _, ok := old[path]; !ok {
			keys[entryKey(path)] = true
		}
	}
	// What the values do not show: secrets, the texts of templates, and from where an alias was taken.
	changedNames(keys, "storages.", before.Inputs, after.Inputs)
	changedNames(keys, "storages.", before.Outputs, after.Outputs)
	changedNames(keys, "templates.", before.Templates, after.Templates)
	changedNames(keys, "profiles.", before.Profiles, after.Profiles)
	if !reflect.DeepEqual(endpointsOf(before), endpointsOf(after)) {
		keys["notifications"] = true
	}
	for _, a := range after.Accounts {
		was := slices.IndexFunc(before.Accounts, func(b Account) bool { return a.ID == b.ID })
		if was >= 0 && before.Accounts[was].WebhookKey != a.WebhookKey {
			keys["accounts."+a.ID+".webhook_key"] = true
		}
	}
	for key := range keys {
		if needsRestart(key) {
			d.Restart = append(d.Restart, key)
		} else {
			d.Changed = append(d.Changed, key)
		}
	}
	slices.Sort(d.Changed)
	slices.Sort(d.Restart)
	return d
}

// endpointsOf are the endpoints of notifications of a configuration.
func endpointsOf(c *Config) (list []notification.Endpoint) {
	for _, e := range c.Notifications {
		list = append(list, e.Endpoint)
	}
	return list
}

// valuesByPath are the values of a configuration. Those of storages are compared by name, wherever they stand in
// the file, and so are those of accounts by id.
func valuesByPath(c *Config) map[string]string {
	all := map[string]string{}
	for _, v := range c.Values { // settings come before accounts
		path := accountPath(c, v.Path)
		if strings.HasPrefix(path, "storages") || strings.HasPrefix(path, "accounts.") && inherits(all, path, v.Value) {
			continue
		}
		all[path] = v.Value
	}
	return all
}

// inherits reports whether an account has a value from the setting of that name.
func inherits(settings map[string]string, path, value string) bool {
	key := path[strings.LastIndexByte(path, '.')+1:]
	if key == "url" {
		key = "bitmovin_url"
	}
	setting, is := settings[key]
	return is && setting == value
}

// accountPath names an account in a path by its id.
func accountPath(c *Config, path string) string {
	rest, ok := strings.CutPrefix(path, "accounts[")
	if !ok {
		return path
	}
	for i, a := range c.Accounts {
		if key, ok := strings.CutPrefix(rest, strconv.Itoa(i)+"]"); ok {
			return "accounts." + a.ID + key
		}
	}
	return path
}

// entryKey is the entry of a section to which a path belongs: profiles.hd of profiles.hd.videos[0].height.
func entryKey(path string) string {
	section, rest, ok := strings.Cut(path, ".")
	switch {
	case strings.HasPrefix(path, principalStartsKey):
		return principalStartsKey
	case !ok, section == "limits", slices.Contains(settingSections, section):
		return path
	case section == "profiles", section == "templates", section == "secrets":
		name, _, _ := strings.Cut(rest, ".")
		return section + "." + name
	case section == "accounts":
		return path
	}
	section, _, _ = strings.Cut(section, "[")
	return section
}

// changedNames adds the names of entries that differ.
func changedNames[T any](keys map[string]bool, section string, before, after map[string]T) {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))))) {
		old, was := before[name]
		now, is := after[name]
		if was != is || !reflect.DeepEqual(old, now) {
			keys[section+name] = true
		}
	}
}

// principalStartsKey is the list of the limits on starts of principals, which changes as a whole.
const principalStartsKey = "auth.max_starts_per_day"

// taken are the settings and limits that a service takes up while it runs.
var taken = map[string]bool{
	"log_level": true, "webhook_key_file": true, "queue_target": true, "queue_target_max": true, "max_starts_per_day": true, "max_retries": true,
	"limits.calls_per_second": true, "limits.call_burst": true, "limits.calls_under_way": true, "limits.watches": true,
	"limits.waiting_jobs_per_account": true, principalStartsKey: true,
}

// takenOfAccount are the keys of an account that a service takes up while it runs.
var takenOfAccount = []string{
	"queue_target", "max_starts_per_day", "api_key", "api_key_file", "api_key_env", "webhook_key", "webhook_key_file", "webhook_key_env",
}

// needsRestart reports whether a service takes a key up at its next start only.
func needsRestart(key string) bool {
	section, rest, _ := strings.Cut(key, ".")
	switch section {
	case "profiles", "templates", "secrets", "storages", "notifications":
		return false
	case "accounts":
		at := strings.LastIndexByte(rest, '.')
		return !slices.Contains(takenOfAccount, rest[at+1:])
	}
	return !taken[key]
}
