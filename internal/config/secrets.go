package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stokerd/stoker/internal/spelling"
	"github.com/stokerd/stoker/internal/template"
)

// loadSecrets checks where the secrets are that templates may name. A value that is not there yet is none of its
// mistakes: jobs wait for it.
func (l *loader) loadSecrets() {
	read := map[string]func() (string, error){}
	l.config.SecretNames = slices.Sorted(maps.Keys(l.file.Secrets))
	for _, name := range l.config.SecretNames {
		path, node := "secrets."+name, l.file.Secrets[name]
		switch {
		case node.Env != "" && node.File != "":
			l.mistakeAt(path+".file", "an environment variable and a file exclude each other")
		case node.Env != "":
			l.checkEnvName(path+".env", node.Env)
			read[name] = func() (string, error) { return l.keyFromEnv(node.Env) }
		case node.File != "":
			file := l.secretFile(path+".file", node.File)
			read[name] = func() (string, error) { return l.keyFromFile(file) }
		default:
			l.mistakeAt(path, "say where the secret is: env, the name of an environment variable, or file")
		}
	}
	l.config.Secret = func(name string) (string, error) {
		if f := read[name]; f != nil {
			return f()
		}
		return "", fmt.Errorf("the configuration has no secret %q", name)
	}
}

// checkSecrets checks that the secrets which a template uses are in the configuration. parsed is nil for one with
// mistakes.
func (l *loader) checkSecrets(path string, parsed *template.Template) {
	if parsed == nil {
		return
	}
	known := slices.Sorted(maps.Keys(l.file.Secrets))
	for _, name := range parsed.Secrets() {
		if !slices.Contains(known, name) {
			l.mistakeAt(path, "uses the secret %q, which is not among secrets%s", name, spelling.Hint(name, known))
		}
	}
}
