package config

import (
	"cmp"

	"github.com/stokerd/stoker/job"
)

// The comments of the fields are their descriptions in the schema and in docs/configuration.md. They say units and
// defaults.

// document is the content of the YAML file. Settings holds the values of the settings in it, by
// [Setting.key].
type document struct {
	Settings map[string]string `yaml:"-"`
	// Who may call, and what. The word required or none alone says whether callers have to prove who they are.
	Auth authNode `yaml:"auth"`
	// What a caller may do: a principal or, where nobody has to prove who calls, an address.
	Limits limitsNode `yaml:"limits"`
	// One entry for each Bitmovin API key. Without any there is one account named default, whose key comes from the
	// environment.
	Accounts []accountNode `yaml:"accounts"`
	// Where assets are read from and results are written to. The input and the output named default are those of a
	// batch that names no other.
	Storages []storageNode `yaml:"storages"`
	// Secrets that templates may name as ${secret:NAME}, each read anew for every call.
	Secrets map[string]secretNode `yaml:"secrets"`
	// How to encode. A profile named default replaces the built-in one.
	Profiles map[string]profileNode `yaml:"profiles"`
	// Bitmovin encoding templates, each in a file of its own.
	Templates map[string]templateNode `yaml:"templates"`

	// Who is told what has happened.
	Notifications []notificationNode `yaml:"notifications"`
}

// profileNode is a recipe, and who may use it.
type profileNode struct {
	job.Recipe `yaml:",inline"`
	// The accounts that may use the profile. Default: all.
	Accounts []string `yaml:"accounts"`
}

// secretNode says where the value of a secret is: in an environment variable, or in a file.
type secretNode struct {
	// The name of the environment variable that holds the secret.
	Env string `yaml:"env"`
	// The file that holds the secret; its path may begin with $CREDENTIALS_DIRECTORY.
	File string `yaml:"file"`
}

// templateNode is an encoding template. An entry with nothing else may be the path of the file alone.
type templateNode struct {
	// The file with the template in YAML. A relative path begins at the directory of the configuration file.
	File string `yaml:"file" single:"true"`
	// Cloud regions for jobs that the platform advises to retry in another region, used in their order; at most 3.
	FallbackRegions []string `yaml:"fallback_regions"`
	// Keys and values that this version does not know pass with a warning. Default: false.
	AllowUnknown bool `yaml:"allow_unknown"`
	// The variables that jobs define. What the template uses and does not declare is required.
	Variables map[string]variableNode `yaml:"variables"`
	// The accounts that may use the template. Default: all.
	Accounts []string `yaml:"accounts"`
}

// variableNode declares a variable of a template. Without a default it is required, unless it says
// otherwise.
type variableNode struct {
	// What its values are. Default: text.
	Type string `yaml:"type"`
	// Whether each job has to define it. Default: true, unless it has a default.
	Required *bool `yaml:"required"`
	// The value for jobs that do not define it.
	Default *string `yaml:"default"`
	// What it is for, as people are told.
	Description string `yaml:"description"`
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

// accountNode is a Bitmovin API key, with what is done with it.
type accountNode struct {
	// The name of the account here. An account named default needs no key of its own: it takes that of the environment.
	ID string `yaml:"id"`
	// The name of the environment variable with the API key.
	APIKeyEnv string `yaml:"api_key_env"`
	// The file with the API key. It is read anew for every call, and may begin with $CREDENTIALS_DIRECTORY.
	APIKeyFile string `yaml:"api_key_file"`
	// The organisation of each call. Default: that of the key.
	TenantOrgID string `yaml:"tenant_org_id"`
	// Encodings to keep queued on the platform. Default: queue_target of the service.
	QueueTarget int `yaml:"queue_target"`
	// Starts after which the account pauses until the next day (UTC). Default: max_starts_per_day of the service.
	MaxStarts int `yaml:"max_starts_per_day"`
	// The root of the API. Default: bitmovin_url.
	URL string `yaml:"url"`
	// The name of the environment variable with the key that webhooks of the account are signed with.
	WebhookKeyEnv string `yaml:"webhook_key_env"`
	// The file with the key that webhooks of the account are signed with. Default: the key of webhook_key_file.
	WebhookKeyFile string `yaml:"webhook_key_file"`
}

// storageNode is an input, an output or both. Which keys it has depends on its type.
type storageNode struct {
	// The name that batches use. One input and one output may share a name.
	Name string `yaml:"name"`
	// What kind of storage it is.
	Type string `yaml:"type"`
	// What it is used for. Default: for all that its type allows.
	Use string `yaml:"use"`
	// A directory that is put before every path of a job.
	BasePath string `yaml:"base_path"`
	// The accounts that may use the storage. Default: all.
	Accounts []string `yaml:"accounts"`

	// The host name, without https:// and without a path: HTTP, HTTPS and GENERIC_S3.
	Host string `yaml:"host"`
	// The port. Default: that of the type.
	Port int `yaml:"port"`
	// Whether the host is reached by TLS: GENERIC_S3.
	SSL *bool `yaml:"ssl"`
	// The user name: HTTP and HTTPS.
	Username string `yaml:"username"`

	// The name of the bucket alone, without s3:// and without a path.
	Bucket string `yaml:"bucket"`
	// The region of the bucket.
	CloudRegion string `yaml:"cloud_region"`
	// The version of the signature: outputs of S3.
	SignatureVersion string `yaml:"signature_version"`
	// The region that requests are signed for: GENERIC_S3.
	SigningRegion string `yaml:"signing_region"`
	// How the bucket is named in requests: GENERIC_S3.
	AccessStyle string `yaml:"access_style"`
	// The storage class of what is written: outputs of S3.
	StorageClass string `yaml:"storage_class"`

	// The role that the platform takes on: S3_ROLE_BASED.
	RoleARN string `yaml:"role_arn"`
	// The external id of that role.
	ExternalID string `yaml:"external_id"`
	// Where the external id comes from.
	ExternalIDMode string `yaml:"external_id_mode"`

	// The storage account: AZURE.
	AccountName string `yaml:"account_name"`
	// The container: AZURE.
	Container string `yaml:"container"`
	// The tenant of the service principal: AZURE.
	TenantID string `yaml:"tenant_id"`
	// The client id of the service principal: AZURE.
	ClientID string `yaml:"client_id"`

	// Asks the platform whether it may write here before anything of a batch is started. Default: true.
	CheckPermissions *bool `yaml:"check_permissions"`
	// Values that this version does not know are passed on, with a warning. Default: false.
	AllowUnknown bool `yaml:"allow_unknown"`

	// The name of the environment variable with the password: HTTP and HTTPS.
	PasswordEnv string `yaml:"password_env"`
	// The file with the password.
	PasswordFile string `yaml:"password_file"`
	// The name of the environment variable with the access key.
	AccessKeyEnv string `yaml:"access_key_env"`
	// The file with the access key.
	AccessKeyFile string `yaml:"access_key_file"`
	// The name of the environment variable with the secret key.
	SecretKeyEnv string `yaml:"secret_key_env"`
	// The file with the secret key.
	SecretKeyFile string `yaml:"secret_key_file"`
	// The name of the environment variable with the account key: AZURE.
	AccountKeyEnv string `yaml:"account_key_env"`
	// The file with the account key: AZURE.
	AccountKeyFile string `yaml:"account_key_file"`
	// The name of the environment variable with the credentials: GCS_SERVICE_ACCOUNT.
	CredentialsEnv string `yaml:"credentials_env"`
	// The file with the credentials: GCS_SERVICE_ACCOUNT.
	CredentialsFile string `yaml:"credentials_file"`

	// The name of the environment variable with the secret of the service principal: AZURE.
	ClientSecretEnv string `yaml:"client_secret_env"`
	// The file with the secret of the service principal: AZURE.
	ClientSecretFile string `yaml:"client_secret_file"`
	// The name of the environment variable with the certificate of the service principal: AZURE.
	ClientCertificateEnv string `yaml:"client_certificate_env"`
	// The file with the certificate of the service principal: AZURE.
	ClientCertificateFile string `yaml:"client_certificate_file"`
}
