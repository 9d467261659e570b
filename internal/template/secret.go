package template

import "strings"

// A template is stored with every batch, and everybody who may read a batch may read its template.
// So a secret must not stand in it, and neither may a job bring one.

// checkSecret refuses a secret, and warns of a content key that a job brings.
func (r *reader) checkSecret(n *node, f *rule, path string) {
	switch {
	case n.kind == scalarNode && n.scalarValue() == nil:
	case f.secret:
		r.refuse(path, "a secret must not stand in a template%s", secretRemedy(path))
	case n.kind == scalarNode && isTextVariable(n.text):
		r.warn(path, "the content key is stored with the job, and shown with it; SPEKE keeps keys out of both")
	default:
		r.refuse(path, "a content key must not stand in a template; let SPEKE fetch it, or let each job bring it as ${var:NAME}")
	}
}

// isSecretName reports whether a key is a secret wherever it stands, also where the outline does not
// know it.
func isSecretName(key string) bool {
	switch key {
	case "password", "accessKey", "secretKey", "accountKey", "serviceAccountCredentials", "clientSecret", "clientCertificate", "passphrase", "apiKey":
		return true
	}
	return false
}

// isTextVariable reports whether a text is one variable that jobs define.
func isTextVariable(s string) bool {
	t, err := parseText(s)
	if err != nil {
		return false
	}
	v, sole := t.soleVariable()
	return sole && v.kind == textKind
}

// secretRemedy says how the platform gets a secret without a template.
func secretRemedy(path string) string {
	switch {
	case strings.HasPrefix(path, "$.inputs."):
		return "; configure a storage and refer to it by ${input_id}"
	case strings.HasPrefix(path, "$.outputs."):
		return "; configure a storage and refer to it by ${output_id}"
	case strings.Contains(path, ".speke."):
		return "; let the platform reach the key server with roleArn"
	}
	return ", which is stored with every batch"
}

// hasUserInfo reports whether a text is a URL with a password in it.
func hasUserInfo(s string) bool {
	_, rest, found := strings.Cut(s, "://")
	if !found {
		return false
	}
	authority, _, _ := strings.Cut(rest, "/")
	user, _, at := strings.Cut(authority, "@")
	return at && strings.Contains(user, ":")
}
