package capability

import (
	"maps"
	"slices"
	"strings"

	"github.com/stokerd/stoker/job"
)

// Storage is what the configuration says of a storage.
type Storage struct {
	Type          string // such as S3
	Input, Output bool   // what it is used as
	// Fields has the values of the keys that are set. The value of a secret is not needed.
	Fields       map[string]string
	AllowUnknown bool
}

// storageFields has the fields of a type of storage. A storage that is input and output may have the
// fields of both; the other side is not sent what it lacks.
type storageFields struct{ both, output []string }

var (
	bucketKeys  = []string{"bucket", "access_key", "secret_key", "cloud_region"}
	roleKeys    = []string{"bucket", "role_arn", "external_id", "external_id_mode", "cloud_region"}
	webKeys     = []string{"host", "port", "username", "password"}
	genericKeys = []string{"host", "port", "ssl", "bucket", "access_key", "secret_key", "signing_region", "signature_version", "access_style"}
	azureKeys   = []string{"account_name", "account_key", "container", "tenant_id", "client_id", "client_secret", "client_certificate"}

	storageTypes = map[string]storageFields{
		"HTTP":                {both: webKeys},
		"HTTPS":               {both: webKeys},
		"S3":                  {both: bucketKeys, output: []string{"signature_version", "storage_class", "check_permissions"}},
		"S3_ROLE_BASED":       {both: roleKeys, output: []string{"signature_version", "check_permissions"}},
		"GCS":                 {both: bucketKeys},
		"GCS_SERVICE_ACCOUNT": {both: []string{"bucket", "credentials", "cloud_region"}},
		"AZURE":               {both: azureKeys},
		"GENERIC_S3":          {both: genericKeys},
	}

	// storageEnums has the enumerations of fields. That of cloud_region depends on the type.
	storageEnums = map[string]Enum{
		"signature_version": signatureVersion, "storage_class": storageClass,
		"access_style": accessStyle, "external_id_mode": externalIDMode,
	}
)

// StorageTypes lists the types of storages.
func StorageTypes() []string { return slices.Sorted(maps.Keys(storageTypes)) }

// StorageTypeHint is the end of a message about an unknown type of storage.
func StorageTypeHint(typ string) string { return hint(typ, StorageTypes()) }

// CheckStorage lists what a storage of a known type says that the platform does not know, and what is
// unknown but allowed. Fields are the keys of the configuration below the given path.
func CheckStorage(s Storage, path string) (violations, warnings []job.Violation) {
	c := &checker{path: path, allowUnknown: s.AllowUnknown}
	fields := storageTypes[s.Type]
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		value := s.Fields[name]
		switch {
		case slices.Contains(fields.both, name):
		case !slices.Contains(fields.output, name):
			c.add(name, "%s storage has no %s; it has %s", s.Type, name, listed(slices.Concat(fields.both, fields.output)))
			continue
		case !s.Output:
			c.add(name, "an %s input has no %s; leave it out, or use the storage as output", s.Type, name)
			continue
		}
		if of, isEnum := storageEnums[name]; isEnum {
			c.checkValue(name, value, of, "")
		}
		if name == "cloud_region" {
			c.checkStorageRegion(name, s.Type, value)
		}
	}
	return c.violations, c.warnings
}

// checkStorageRegion checks the region of a bucket.
func (c *checker) checkStorageRegion(field, typ, region string) {
	of := regionAWS
	if strings.HasPrefix(typ, "GCS") {
		of = regionGoogle
	}
	if region == "AUTO" {
		c.add(field, "a bucket has no region AUTO; leave it out")
		return
	}
	c.checkValue(field, region, of, "a bucket")
}
