package config

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/stokerd/stoker/bitmovin"
)

// credentialsVariable names the directory in which systemd puts the credentials of a unit, and credentialsPrefix
// stands for it in the path of a file.
const (
	credentialsVariable = "CREDENTIALS_DIRECTORY"
	credentialsPrefix   = "$" + credentialsVariable + "/"
)

// systemCredentials is below which directory systemd puts the credentials of units.
const systemCredentials = "/run/credentials/"

// ErrNoCredential is the error for a credential of systemd that is not there.
var ErrNoCredential = errors.New("no such file: systemd puts credentials there when it starts the unit, so put the secret where the unit loads it from, and start the unit anew")

// unreadSecret stands for a secret that was not looked for, so that what needs one does not miss it. It is as long
// as a webhook key has to be.
const unreadSecret bitmovin.Secret = "(not looked for)"

// readVariable returns the value of an environment variable with a secret or, if that is not set, of the systemd
// credential of the same name, and where it was found. Both are empty if there is neither.
func (s Sources) readVariable(name string) (value, where string) {
	if value = strings.TrimSpace(s.Getenv(name)); value != "" {
		return value, "environment variable " + name
	}
	directory := s.Getenv(credentialsVariable)
	if directory == "" || s.ReadFile == nil {
		return "", ""
	}
	text, err := s.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return "", "" // most variables are no credentials
	}
	if value = strings.TrimSpace(string(text)); value != "" {
		return value, "credential " + name
	}
	return "", ""
}

// secretFile returns the path of a file with a secret, and notes it. at is the path of its key in the configuration
// file.
func (l *loader) secretFile(at, path string) string {
	name := l.expandCredentials(l.yaml.location(at), l.resolvePath(path))
	if name != "" {
		l.config.SecretFiles = append(l.config.SecretFiles, name)
	}
	return name
}

// expandCredentials puts the directory of systemd's credentials in the place of $CREDENTIALS_DIRECTORY at the
// beginning of a path. It returns "" if there is no such directory, which is a mistake at where.
func (l *loader) expandCredentials(where, path string) string {
	name, ok := strings.CutPrefix(path, credentialsPrefix)
	if !ok {
		return path
	}
	directory := l.Getenv(credentialsVariable)
	if directory == "" {
		if l.WithoutSecrets {
			return path
		}
		l.mistake(where, "%s: %s is not set: systemd sets it for a unit with LoadCredential=%s:FILE; elsewhere name the file itself", path, credentialsVariable, name)
		return ""
	}
	return filepath.Join(directory, name)
}
