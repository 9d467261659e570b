package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/capability"
	"github.com/stokerd/stoker/job"
)

func (l *loader) loadStorages() {
	for i, node := range l.file.Storages {
		path := fmt.Sprintf("storages[%d]", i)
		if node.Name == "" {
			l.mistakeAt(path, "a storage needs a name")
		}
		storage, ok := l.readStorage(path, node)
		if !ok {
			continue
		}
		input, output := l.storageUses(path, node, storage.Type)
		l.noteFindings(capability.CheckStorage(capability.Storage{
			Type: string(storage.Type), Input: input, Output: output, Fields: node.setFields(), AllowUnknown: node.AllowUnknown,
		}, path))
		if input {
			l.addStorage(l.config.Inputs, path, "an input", node.Name, storage)
		}
		if output {
			l.addStorage(l.config.Outputs, path, "an output", node.Name, storage)
		}
	}
	l.sampleInput()
	l.sampleOutput()
}

// addStorage adds a storage to the inputs or outputs. A name that is taken there is a mistake.
func (l *loader) addStorage(storages map[string]Storage, path, role, name string, s Storage) {
	if _, taken := storages[name]; taken {
		l.mistakeAt(path+".name", "there is %s named %q already; use: input and use: output let two storages share a name", role, name)
		return
	}
	storages[name] = s
}

// storageUses returns whether a storage is an input and whether it is an output.
func (l *loader) storageUses(path string, node storageNode, t bitmovin.StorageType) (input, output bool) {
	switch node.Use {
	case "":
		return true, t.Output()
	case "input":
		return true, false
	case "output", "both":
		if !t.Output() {
			l.mistakeAt(path+".use", "%s can only be an input", t)
		}
		return node.Use == "both", true
	}
	l.mistakeAt(path+".use", "%q: want input, output or both", node.Use)
	return false, false
}

func (l *loader) readStorage(path string, n storageNode) (Storage, bool) {
	before := len(l.mistakes)
	s := Storage{
		BasePath: strings.Trim(n.BasePath, "/"), Accounts: l.readAccountNames(path+".accounts", n.Accounts),
		Storage: bitmovin.Storage{
			Type: bitmovin.StorageType(strings.ToUpper(n.Type)),
			Host: n.Host, Port: n.Port, SSL: n.SSL, Username: n.Username,
			Bucket: n.Bucket, CloudRegion: n.CloudRegion, SignatureVersion: n.SignatureVersion,
			SigningRegion: n.SigningRegion, AccessStyle: n.AccessStyle, StorageClass: n.StorageClass,
			RoleARN: n.RoleARN, ExternalID: n.ExternalID, ExternalIDMode: n.ExternalIDMode,
			AccountName: n.AccountName, Container: n.Container,
			ServicePrincipal: bitmovin.ServicePrincipal{TenantID: n.TenantID, ClientID: n.ClientID},
		},
		SkipPermissionCheck: n.CheckPermissions != nil && !*n.CheckPermissions,
	}
	s.Password = l.readSecret(path+".password", n.PasswordEnv, n.PasswordFile)
	s.AccessKey = l.readSecret(path+".access_key", n.AccessKeyEnv, n.AccessKeyFile)
	s.SecretKey = l.readSecret(path+".secret_key", n.SecretKeyEnv, n.SecretKeyFile)
	s.AccountKey = l.readSecret(path+".account_key", n.AccountKeyEnv, n.AccountKeyFile)
	s.ServiceAccountCredentials = l.readSecret(path+".credentials", n.CredentialsEnv, n.CredentialsFile)
	s.ServicePrincipal.ClientSecret = l.readSecret(path+".client_secret", n.ClientSecretEnv, n.ClientSecretFile)
	s.ServicePrincipal.ClientCertificate = l.readSecret(path+".client_certificate", n.ClientCertificateEnv, n.ClientCertificateFile)
	if len(l.mistakes) > before {
		return s, false // Validate would report the wrong values as missing
	}
	if !s.Type.Known() {
		l.mistakeAt(path+".type", "unknown type %q%s", n.Type, capability.StorageTypeHint(n.Type))
		return s, false
	}
	if err := s.Validate(); err != nil {
		l.mistakeAt(path, "%v", err)
		return s, false
	}
	return s, true
}

// setFields are the keys of the storage that are set and that not every type has, with their values.
// The key of a secret is there without its _env or _file, and without its value.
func (n storageNode) setFields() map[string]string {
	set := map[string]string{}
	for name, value := range fieldsOf(reflect.ValueOf(&n).Elem()).byName {
		if value.IsZero() || slices.Contains([]string{"name", "type", "use", "base_path", "allow_unknown", "accounts"}, name) {
			continue
		}
		secret := strings.TrimSuffix(strings.TrimSuffix(name, "_env"), "_file")
		if secret != name {
			set[secret] = ""
			continue
		}
		set[name] = fmt.Sprint(reflect.Indirect(value))
	}
	return set
}

// readSecret reads a secret from the environment variable or the file that the configuration file
// names. It returns "" if neither is named. At is the path of the key in the configuration file,
// without _env and _file.
func (l *loader) readSecret(at, env, file string) bitmovin.Secret {
	switch {
	case env != "" && file != "":
		l.mistakeAt(at+"_file", "an environment variable and a file exclude each other")
	case env != "":
		if !l.checkEnvName(at+"_env", env) {
			return ""
		}
		value, _ := l.readVariable(env)
		if value == "" && !l.WithoutSecrets {
			l.mistakeAt(at+"_env", "environment variable %s is not set", env)
		}
		return cmp.Or(bitmovin.Secret(value), unreadSecret)
	case file != "":
		name := l.secretFile(at+"_file", file)
		if l.WithoutSecrets || name == "" {
			return unreadSecret
		}
		text, err := l.ReadFile(name)
		value := strings.TrimSpace(string(text))
		switch {
		case err != nil:
			l.mistakeAt(at+"_file", "%s: %v", file, fileCause(err))
		case value == "":
			l.mistakeAt(at+"_file", "%s is empty", file)
		}
		return bitmovin.Secret(value)
	}
	return ""
}

// checkEnvName refuses a text that cannot be the name of an environment variable. The message does
// not repeat the text, which may be the secret itself.
func (l *loader) checkEnvName(path, name string) bool {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"
	if strings.Trim(name, plain) == "" {
		return true
	}
	l.mistakeAt(path, "this is not the name of an environment variable, which has letters, digits and _;"+
		" a secret must not be in this file")
	return false
}

// sampleValue is [Sample.Get]. A value that cannot be meant is a mistake.
func (l *loader) sampleValue(name string) (value, where string) {
	value, where, err := l.sample.Get(name)
	if wrong, ok := errors.AsType[*Error](err); ok {
		l.mistakes = append(l.mistakes, wrong.Mistakes...)
	}
	return value, where
}

// sampleInput makes the HTTP server of the [Sample] the input named default, unless the file has
// one.
func (l *loader) sampleInput() {
	if _, taken := l.config.Inputs[job.DefaultName]; taken {
		return
	}
	const hostVariable = "HTTP_INPUT_HOST"
	host, where := l.sampleValue(hostVariable)
	if host == "" {
		return
	}
	s := bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: host}
	if err := s.Validate(); err != nil {
		if !strings.HasSuffix(where, hostVariable) { // it is from a file
			where += ": " + hostVariable
		}
		l.mistake(where, "%v", err)
		return
	}
	l.config.Inputs[job.DefaultName] = Storage{Storage: s}
	l.sampled = append(l.sampled, Value{"storages." + job.DefaultName + ".input", "http://" + host, where})
}

// sampleOutput makes the bucket of the [Sample] the output named default, unless the file has one.
func (l *loader) sampleOutput() {
	if _, taken := l.config.Outputs[job.DefaultName]; taken {
		return
	}
	before := len(l.mistakes)
	bucket, where := l.sampleValue("S3_OUTPUT_BUCKET_NAME")
	if bucket == "" {
		return
	}
	access, _ := l.sampleValue("S3_OUTPUT_ACCESS_KEY")
	secret, _ := l.sampleValue("S3_OUTPUT_SECRET_KEY")
	base, _ := l.sampleValue("S3_OUTPUT_BASE_PATH")
	switch {
	case strings.ContainsAny(bucket, "/:"):
		l.mistake(where, "S3_OUTPUT_BUCKET_NAME: give the name of the bucket alone, without s3:// and without a path, which belongs into S3_OUTPUT_BASE_PATH")
	case (access == "" || secret == "") && len(l.mistakes) == before:
		l.mistake(where, "a bucket needs S3_OUTPUT_ACCESS_KEY and S3_OUTPUT_SECRET_KEY as well")
	}
	l.sampled = append(l.sampled, Value{"storages." + job.DefaultName + ".output", "s3://" + bucket, where})
	l.config.Outputs[job.DefaultName] = Storage{
		BasePath: strings.Trim(base, "/"),
		Storage: bitmovin.Storage{
			Type: bitmovin.StorageS3, Bucket: bucket,
			AccessKey: bitmovin.Secret(access), SecretKey: bitmovin.Secret(secret),
		},
	}
}
