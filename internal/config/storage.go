package config

import (
	"fmt"
	"strings"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/job"
)

func (l *loader) loadStorages() {
	for i, node := range l.file.Storages {
		path := fmt.Sprintf("storages[%d]", i)
		if node.Name == "" {
			l.wrongAt(path, "a storage needs a name")
		}
		storage, ok := l.storage(path, node)
		if !ok {
			continue
		}
		input, output := l.roles(path, node, storage.Type)
		if input {
			l.place(l.config.Inputs, path, "an input", node.Name, storage)
		}
		if output {
			l.place(l.config.Outputs, path, "an output", node.Name, storage)
		}
	}
	l.sampleInput()
	l.sampleOutput()
}

// place adds a storage, unless its name is taken.
func (l *loader) place(storages map[string]Storage, path, role, name string, s Storage) {
	if _, taken := storages[name]; taken {
		l.wrongAt(path+".name", "there is %s named %q already; use: input and use: output let two storages share a name", role, name)
		return
	}
	storages[name] = s
}

// roles says what a storage is for.
func (l *loader) roles(path string, node storageNode, t bitmovin.StorageType) (input, output bool) {
	switch node.Use {
	case "":
		return true, t.Output()
	case "input":
		return true, false
	case "output", "both":
		if !t.Output() {
			l.wrongAt(path+".use", "%s can only be an input", t)
		}
		return node.Use == "both", true
	}
	l.wrongAt(path+".use", "%q: want input, output or both", node.Use)
	return false, false
}

func (l *loader) storage(path string, n storageNode) (Storage, bool) {
	before := len(l.mistakes)
	s := Storage{
		BasePath: strings.Trim(n.BasePath, "/"),
		Storage: bitmovin.Storage{
			Type: bitmovin.StorageType(strings.ToUpper(n.Type)),
			Host: n.Host, Port: n.Port, SSL: n.SSL, Username: n.Username,
			Bucket: n.Bucket, CloudRegion: n.CloudRegion, SignatureVersion: n.SignatureVersion,
			SigningRegion: n.SigningRegion, AccessStyle: n.AccessStyle, StorageClass: n.StorageClass,
			RoleARN: n.RoleARN, ExternalID: n.ExternalID, ExternalIDMode: n.ExternalIDMode,
			AccountName: n.AccountName, Container: n.Container,
		},
	}
	s.Password = l.secret(path+".password", n.PasswordEnv, n.PasswordFile)
	s.AccessKey = l.secret(path+".access_key", n.AccessKeyEnv, n.AccessKeyFile)
	s.SecretKey = l.secret(path+".secret_key", n.SecretKeyEnv, n.SecretKeyFile)
	s.AccountKey = l.secret(path+".account_key", n.AccountKeyEnv, n.AccountKeyFile)
	s.ServiceAccountCredentials = l.secret(path+".credentials", n.CredentialsEnv, n.CredentialsFile)
	if len(l.mistakes) > before {
		return s, false // what it lacks may be what is wrong already
	}
	if !s.Type.Known() {
		l.wrongAt(path+".type", "%q: want HTTP, HTTPS, S3, S3_ROLE_BASED, GCS, GCS_SERVICE_ACCOUNT, AZURE or GENERIC_S3", n.Type)
		return s, false
	}
	if err := s.Validate(); err != nil {
		l.wrongAt(path, "%v", err)
		return s, false
	}
	return s, true
}

// secret reads a secret from where the file says it is; at is the path of the
// key without _env and _file.
func (l *loader) secret(at, env, file string) bitmovin.Secret {
	switch {
	case env != "" && file != "":
		l.wrongAt(at+"_file", "an environment variable and a file exclude each other")
	case env != "":
		if !l.checkEnvName(at+"_env", env) {
			return ""
		}
		value := strings.TrimSpace(l.Getenv(env))
		if value == "" {
			l.wrongAt(at+"_env", "environment variable %s is not set", env)
		}
		return bitmovin.Secret(value)
	case file != "":
		text, err := l.ReadFile(l.besideFile(file))
		value := strings.TrimSpace(string(text))
		switch {
		case err != nil:
			l.wrongAt(at+"_file", "%s: %v", file, reason(err))
		case value == "":
			l.wrongAt(at+"_file", "%s is empty", file)
		}
		return bitmovin.Secret(value)
	}
	return ""
}

// checkEnvName refuses what cannot be the name of an environment variable. It is not told:
// it may be the secret itself.
func (l *loader) checkEnvName(path, name string) bool {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"
	if strings.Trim(name, plain) == "" {
		return true
	}
	l.wrongAt(path, "this is not the name of an environment variable, which has letters, digits and _;"+
		" a secret must not stand in this file")
	return false
}

// sampleInput makes the example's HTTP server the input named default, unless
// the file has one.
func (l *loader) sampleInput() {
	host, where := l.sample.Get("HTTP_INPUT_HOST")
	if _, taken := l.config.Inputs[job.DefaultName]; taken || host == "" {
		return
	}
	s := bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: host}
	if err := s.Validate(); err != nil {
		l.mistake(where, "%v", err)
		return
	}
	l.config.Inputs[job.DefaultName] = Storage{Storage: s}
}

// sampleOutput makes the example's bucket the output named default, unless the
// file has one.
func (l *loader) sampleOutput() {
	bucket, where := l.sample.Get("S3_OUTPUT_BUCKET_NAME")
	if _, taken := l.config.Outputs[job.DefaultName]; taken || bucket == "" {
		return
	}
	access, _ := l.sample.Get("S3_OUTPUT_ACCESS_KEY")
	secret, _ := l.sample.Get("S3_OUTPUT_SECRET_KEY")
	base, _ := l.sample.Get("S3_OUTPUT_BASE_PATH")
	if access == "" || secret == "" {
		l.mistake(where, "a bucket needs S3_OUTPUT_ACCESS_KEY and S3_OUTPUT_SECRET_KEY as well")
	}
	l.config.Outputs[job.DefaultName] = Storage{
		BasePath: strings.Trim(base, "/"),
		Storage: bitmovin.Storage{
			Type: bitmovin.StorageS3, Bucket: bucket,
			AccessKey: bitmovin.Secret(access), SecretKey: bitmovin.Secret(secret),
		},
	}
}
