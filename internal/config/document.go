package config

import (
	"cmp"

	"github.com/stokerd/stoker/job"
)

// document is the content of the YAML file. Settings holds the values of the settings in it, by
// [Setting.key].
type document struct {
	Settings  map[string]string       `yaml:"-"`
	Auth      authNode                `yaml:"auth"`
	Limits    limitsNode              `yaml:"limits"`
	Accounts  []accountNode           `yaml:"accounts"`
	Storages  []storageNode           `yaml:"storages"`
	Secrets   map[string]secretNode   `yaml:"secrets"`
	Profiles  map[string]profileNode  `yaml:"profiles"`
	Templates map[string]templateNode `yaml:"templates"`

	Notifications []notificationNode `yaml:"notifications"`
}

// profileNode is an entry of profiles: a recipe, and who may use it.
type profileNode struct {
	job.Recipe `yaml:",inline"`
	Accounts   []string `yaml:"accounts"` // that may use the profile; nil: all
}

// secretNode is an entry of secrets: where the value of a secret is.
type secretNode struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// templateNode is an entry of templates. An entry with nothing else may be the path of the file alone.
type templateNode struct {
	File            string                  `yaml:"file" single:"true"`
	FallbackRegions []string                `yaml:"fallback_regions"`
	AllowUnknown    bool                    `yaml:"allow_unknown"`
	Variables       map[string]variableNode `yaml:"variables"`
	Accounts        []string                `yaml:"accounts"` // that may use the template; nil: all
}

// variableNode declares a variable of a template. Without a default it is required, unless it says
// otherwise.
type variableNode struct {
	Type        string  `yaml:"type"` // text, number or bool; default: text
	Required    *bool   `yaml:"required"`
	Default     *string `yaml:"default"`
	Description string  `yaml:"description"`
}

// variables returns the declared variables of a template, nil if there are none.
func (n templateNode) variables() map[string]job.TemplateVariable {
	if len(n.Variables) == 0 {
		return nil
	}
	all := make(map[string]job.TemplateVariable, len(n.Variables))
	for name, v := range n.Variables {
		declared := job.TemplateVariable{
			Type:     job.VariableType(cmp.Or(v.Type, string(job.TextVariable))),
			Required: v.Default == nil, Default: v.Default, Description: v.Description,
		}
		if v.Required != nil {
			declared.Required = *v.Required
		}
		all[name] = declared
	}
	return all
}

// accountNode is an entry of accounts.
type accountNode struct {
	ID          string `yaml:"id"`
	APIKeyEnv   string `yaml:"api_key_env"`
	APIKeyFile  string `yaml:"api_key_file"`
	TenantOrgID string `yaml:"tenant_org_id"`
	QueueTarget int    `yaml:"queue_target"`
	MaxStarts   int    `yaml:"max_starts_per_day"`
	URL         string `yaml:"url"`

	WebhookKeyEnv  string `yaml:"webhook_key_env"`
	WebhookKeyFile string `yaml:"webhook_key_file"`
}

// storageNode is an entry of storages.
type storageNode struct {
	Name     string `yaml:"name"`
	Type     string `yaml:"type"`
	Use      string `yaml:"use"` // input, output or both; default: all that the type allows
	BasePath string `yaml:"base_path"`

	Accounts []string `yaml:"accounts"` // that may use the storage; nil: all

	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	SSL      *bool  `yaml:"ssl"`
	Username string `yaml:"username"`

	Bucket           string `yaml:"bucket"`
	CloudRegion      string `yaml:"cloud_region"`
	SignatureVersion string `yaml:"signature_version"`
	SigningRegion    string `yaml:"signing_region"`
	AccessStyle      string `yaml:"access_style"`
	StorageClass     string `yaml:"storage_class"`

	RoleARN        string `yaml:"role_arn"`
	ExternalID     string `yaml:"external_id"`
	ExternalIDMode string `yaml:"external_id_mode"`

	AccountName string `yaml:"account_name"`
	Container   string `yaml:"container"`
	TenantID    string `yaml:"tenant_id"`
	ClientID    string `yaml:"client_id"`

	CheckPermissions *bool `yaml:"check_permissions"` // default true
	AllowUnknown     bool  `yaml:"allow_unknown"`

	PasswordEnv     string `yaml:"password_env"`
	PasswordFile    string `yaml:"password_file"`
	AccessKeyEnv    string `yaml:"access_key_env"`
	AccessKeyFile   string `yaml:"access_key_file"`
	SecretKeyEnv    string `yaml:"secret_key_env"`
	SecretKeyFile   string `yaml:"secret_key_file"`
	AccountKeyEnv   string `yaml:"account_key_env"`
	AccountKeyFile  string `yaml:"account_key_file"`
	CredentialsEnv  string `yaml:"credentials_env"`
	CredentialsFile string `yaml:"credentials_file"`

	ClientSecretEnv       string `yaml:"client_secret_env"`
	ClientSecretFile      string `yaml:"client_secret_file"`
	ClientCertificateEnv  string `yaml:"client_certificate_env"`
	ClientCertificateFile string `yaml:"client_certificate_file"`
}
