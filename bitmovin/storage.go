package bitmovin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// StorageType is a type of input or output.
type StorageType string

// The storage types that this package can create. HTTP and HTTPS are inputs only.
const (
	StorageHTTP              StorageType = "HTTP"
	StorageHTTPS             StorageType = "HTTPS"
	StorageS3                StorageType = "S3"
	StorageS3RoleBased       StorageType = "S3_ROLE_BASED"
	StorageGCS               StorageType = "GCS"
	StorageGCSServiceAccount StorageType = "GCS_SERVICE_ACCOUNT"
	StorageAzure             StorageType = "AZURE"
	StorageGenericS3         StorageType = "GENERIC_S3"
)

// segment returns the type as it appears in a path, or "" for an unknown type.
func (t StorageType) segment() string {
	switch t {
	case StorageHTTP, StorageHTTPS, StorageS3, StorageS3RoleBased,
		StorageGCS, StorageGCSServiceAccount, StorageAzure, StorageGenericS3:
		return strings.ReplaceAll(strings.ToLower(string(t)), "_", "-")
	}
	return ""
}

// Known reports whether t is one of the constants.
func (t StorageType) Known() bool { return t.segment() != "" }

// Output reports whether t can be written to.
func (t StorageType) Output() bool {
	return t.Known() && t != StorageHTTP && t != StorageHTTPS
}

// Storage is an input or an output. It has the fields of all types; [Storage.Validate] checks
// those that its type requires.
type Storage struct {
	Type StorageType
	Name string

	Host     string // HTTP, HTTPS, GENERIC_S3
	Port     int    // HTTP, HTTPS, GENERIC_S3; 0 is the type's default
	Username string // HTTP, HTTPS
	Password Secret // HTTP, HTTPS

	Bucket           string // every type but HTTP, HTTPS and AZURE
	AccessKey        Secret // S3, GCS, GENERIC_S3
	SecretKey        Secret // S3, GCS, GENERIC_S3
	CloudRegion      string // S3, S3_ROLE_BASED, GCS, GCS_SERVICE_ACCOUNT; empty: unknown
	SignatureVersion string // S3 and S3_ROLE_BASED outputs, GENERIC_S3: S3_V2 or S3_V4
	StorageClass     string // S3 outputs

	RoleARN        string // S3_ROLE_BASED
	ExternalID     string // S3_ROLE_BASED
	ExternalIDMode string // S3_ROLE_BASED: CUSTOM, GLOBAL or GENERATED

	ServiceAccountCredentials Secret // GCS_SERVICE_ACCOUNT: the account's JSON

	AccountName string // AZURE
	AccountKey  Secret // AZURE; or a service principal
	Container   string // AZURE

	// ServicePrincipal has the credentials of an AZURE storage without account key.
	ServicePrincipal ServicePrincipal

	SSL           *bool  // GENERIC_S3
	SigningRegion string // GENERIC_S3
	AccessStyle   string // GENERIC_S3
}

// ServicePrincipal identifies an application to Azure, by a client secret or a client certificate.
type ServicePrincipal struct {
	TenantID, ClientID string
	ClientSecret       Secret
	ClientCertificate  Secret // certificate and private key in PEM, with its line ends
}

// complete reports whether the service principal has all that it needs.
func (p ServicePrincipal) complete() bool {
	return p.TenantID != "" && p.ClientID != "" && (p.ClientSecret != "" || p.ClientCertificate != "")
}

// Validate returns an error if the type is unknown, a required field is empty, or the host is more
// than a name. The error names the field and contains no value but the type.
func (s Storage) Validate() error {
	var missing []string
	need := func(field string, there bool) {
		if !there {
			missing = append(missing, field)
		}
	}
	switch s.Type {
	case StorageHTTP, StorageHTTPS:
		need("host", s.Host != "")
	case StorageS3, StorageGCS:
		need("bucket", s.Bucket != "")
		need("access key", s.AccessKey != "")
		need("secret key", s.SecretKey != "")
	case StorageGenericS3:
		need("host", s.Host != "")
		need("bucket", s.Bucket != "")
		need("access key", s.AccessKey != "")
		need("secret key", s.SecretKey != "")
	case StorageS3RoleBased:
		need("bucket", s.Bucket != "")
		need("role ARN", s.RoleARN != "")
	case StorageGCSServiceAccount:
		need("bucket", s.Bucket != "")
		need("service account credentials", s.ServiceAccountCredentials != "")
	case StorageAzure:
		need("account name", s.AccountName != "")
		need("account key, or a service principal (tenant id, client id, and client secret or client certificate)",
			s.AccountKey != "" || s.ServicePrincipal.complete())
		need("container", s.Container != "")
	default:
		return fmt.Errorf("unknown storage type %q", s.Type)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s storage lacks %s", s.Type, strings.Join(missing, ", "))
	}
	if s.AccountKey != "" && s.ServicePrincipal != (ServicePrincipal{}) {
		return fmt.Errorf("%s storage: account key and service principal exclude each other", s.Type)
	}
	if strings.ContainsAny(s.Host, "/@") { // the error does not repeat the host, which may contain a password
		return fmt.Errorf("the host of %s storage must be a name such as files.example.com: leave out https://, users and paths", s.Type)
	}
	return nil
}

// String returns only the type and the name, none of the other fields.
func (s Storage) String() string { return fmt.Sprintf("%s storage %q", s.Type, s.Name) }

// secrets returns the credentials that [Storage.body] contains.
func (s Storage) secrets() []Secret {
	return []Secret{
		s.Password, s.AccessKey, s.SecretKey, s.ServiceAccountCredentials, s.AccountKey,
		s.ServicePrincipal.ClientSecret, s.ServicePrincipal.ClientCertificate,
	}
}

// storageBody is a storage on the wire, where credentials are plain text.
type storageBody struct {
	Type                      StorageType `json:"type"`
	Name                      string      `json:"name,omitempty"`
	Host                      string      `json:"host,omitempty"`
	Port                      int         `json:"port,omitempty"`
	Username                  string      `json:"username,omitempty"`
	Password                  string      `json:"password,omitempty"`
	BucketName                string      `json:"bucketName,omitempty"`
	AccessKey                 string      `json:"accessKey,omitempty"`
	SecretKey                 string      `json:"secretKey,omitempty"`
	CloudRegion               string      `json:"cloudRegion,omitempty"`
	SignatureVersion          string      `json:"signatureVersion,omitempty"`
	StorageClass              string      `json:"storageClass,omitempty"`
	RoleARN                   string      `json:"roleArn,omitempty"`
	ExternalID                string      `json:"externalId,omitempty"`
	ExternalIDMode            string      `json:"externalIdMode,omitempty"`
	ServiceAccountCredentials string      `json:"serviceAccountCredentials,omitempty"`
	AccountName               string      `json:"accountName,omitempty"`
	AccountKey                string      `json:"accountKey,omitempty"`
	Container                 string      `json:"container,omitempty"`
	SSL                       *bool       `json:"ssl,omitempty"`
	SigningRegion             string      `json:"signingRegion,omitempty"`
	AccessStyle               string      `json:"accessStyle,omitempty"`

	ServicePrincipal *servicePrincipalBody `json:"servicePrincipal,omitempty"`
}

// servicePrincipalBody is a [ServicePrincipal] on the wire.
type servicePrincipalBody struct {
	TenantID          string `json:"tenantId"`
	ClientID          string `json:"clientId"`
	ClientSecret      string `json:"clientSecret,omitempty"`
	ClientCertificate string `json:"clientCertificate,omitempty"`
}

func (s Storage) body() storageBody {
	body := storageBody{
		Type: s.Type, Name: s.Name,
		Host: s.Host, Port: s.Port, Username: s.Username, Password: string(s.Password),
		BucketName: s.Bucket, AccessKey: string(s.AccessKey), SecretKey: string(s.SecretKey),
		CloudRegion: s.CloudRegion, SignatureVersion: s.SignatureVersion, StorageClass: s.StorageClass,
		RoleARN: s.RoleARN, ExternalID: s.ExternalID, ExternalIDMode: s.ExternalIDMode,
		ServiceAccountCredentials: string(s.ServiceAccountCredentials),
		AccountName:               s.AccountName, AccountKey: string(s.AccountKey), Container: s.Container,
		SSL: s.SSL, SigningRegion: s.SigningRegion, AccessStyle: s.AccessStyle,
	}
	if p := s.ServicePrincipal; p != (ServicePrincipal{}) {
		body.ServicePrincipal = &servicePrincipalBody{p.TenantID, p.ClientID, string(p.ClientSecret), string(p.ClientCertificate)}
	}
	return body
}

// asInput returns the storage with the fields that inputs of its type have.
func (s Storage) asInput() Storage {
	if s.Type == StorageS3 || s.Type == StorageS3RoleBased {
		s.SignatureVersion, s.StorageClass = "", ""
	}
	return s
}

// storedStorage is what is read of the platform's description of an input or output.
type storedStorage[ID ~string] struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

func (s storedStorage[ID]) requiredField() (field, value string) { return "id", string(s.ID) }

// createStorage creates a storage under path.
func createStorage[ID ~string](ctx context.Context, c *Client, path string, s Storage) (ID, error) {
	if err := s.Validate(); err != nil {
		return "", fmt.Errorf("POST %s: %w", path, err)
	}
	var created storedStorage[ID]
	err := c.do(ctx, call{
		method: http.MethodPost, path: path + "/" + s.Type.segment(), class: ClassResourceWrite,
		body: s.body(), secrets: s.secrets(),
	}, &created)
	return created.ID, err
}

// storageExists reports whether there is a storage with an id, of any type, under path.
func storageExists[ID ~string](ctx context.Context, c *Client, path string, id ID) (bool, error) {
	var found storedStorage[ID]
	err := c.do(ctx, call{method: http.MethodGet, path: path + "/" + escape(id), class: ClassResourceRead}, &found)
	return existsResult(id, found.ID, err)
}

// findStorage returns the id of the first storage of a type under path whose name is
// exactly name.
func findStorage[ID ~string](ctx context.Context, c *Client, path string, t StorageType, name string) (id ID, found bool, err error) {
	if t.segment() == "" {
		return "", false, fmt.Errorf("GET %s: unknown storage type %q", path, t)
	}
	list := call{path: path + "/" + t.segment(), class: ClassResourceRead}
	storages, err := listNamed(ctx, c, list, name, func(s storedStorage[ID]) string { return s.Name })
	if err != nil || len(storages) == 0 {
		return "", false, err
	}
	return storages[0].ID, true, nil
}
