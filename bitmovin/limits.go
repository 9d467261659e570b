package bitmovin

import "strconv"

// Class is a group of endpoints that share one rate limit.
type Class int

// The endpoint classes, with the default limit of each: calls per minute for one API key. The
// platform counts the methods of a path separately. Documented limits come from the rate-limit
// page of the platform or a copy of it. Guessed limits are cautious, because the page does not
// mention the path.
const (
	_                   Class = iota
	ClassEncodingCreate       // POST /encoding/encodings and /encoding/templates/start: 600, documented (template: guessed)
	ClassEncodingList         // GET /encoding/encodings: 60, documented, shared by all users of the key
	ClassStart                // POST /encoding/encodings/{id}/start: 600, documented
	ClassStatus               // GET /encoding/encodings/{id}/status: 6,000, documented
	ClassEncodingRead         // GET /encoding/encodings/{id}: 300, guessed
	ClassSubresource          // everything else below /encoding/encodings/{id}, and DELETE of it: 20,000, documented
	ClassResourceWrite        // POST, DELETE of inputs, outputs and configurations: 1,000, documented
	ClassResourceRead         // GET of inputs, outputs and configurations: 4,000, documented
	ClassManifest             // /encoding/manifests: 10,000, documented
	ClassOther                // webhooks, notifications and error definitions: 60, guessed

	classEnd
)

// String returns a short name for logs, metrics and users, such as "encoding-list".
func (c Class) String() string {
	switch c {
	case ClassEncodingCreate:
		return "encoding-create"
	case ClassEncodingList:
		return "encoding-list"
	case ClassStart:
		return "start"
	case ClassStatus:
		return "status"
	case ClassEncodingRead:
		return "encoding-read"
	case ClassSubresource:
		return "subresource"
	case ClassResourceWrite:
		return "resource-write"
	case ClassResourceRead:
		return "resource-read"
	case ClassManifest:
		return "manifest"
	case ClassOther:
		return "other"
	}
	return "class-" + strconv.Itoa(int(c))
}

// Limits are calls per minute. A class that is missing or not positive gets its default.
type Limits map[Class]int

// DefaultLimits returns a new map with the limits that are documented at the classes.
func DefaultLimits() Limits {
	return Limits{
		ClassEncodingCreate: 600,
		ClassEncodingList:   60,
		ClassStart:          600,
		ClassStatus:         6000,
		ClassEncodingRead:   300,
		ClassSubresource:    20000,
		ClassResourceWrite:  1000,
		ClassResourceRead:   4000,
		ClassManifest:       10000,
		ClassOther:          60,
	}
}
