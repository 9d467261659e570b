package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role says how much a principal may do. A role may do what the roles before it may. The zero value is
// no role.
type Role int

// The roles, from the least to the most.
const (
	NoRole    Role = iota
	Viewer         // reads
	Submitter      // submits, and steers the batches that it has created itself
	Operator       // steers every batch and account
	Admin          // manages tokens, and reads the audit log
)

var roleNames = []string{"none", "viewer", "submitter", "operator", "admin"}

// RoleNames lists the names of the roles, from the least to the most.
func RoleNames() []string { return slices.Clone(roleNames[Viewer:]) }

// String returns the name of the role, such as viewer.
func (r Role) String() string {
	if r < NoRole || r > Admin {
		return fmt.Sprintf("Role(%d)", int(r))
	}
	return roleNames[r]
}

// ParseRole parses the name of a role. The error names the roles that there are.
func ParseRole(name string) (Role, error) {
	if at := slices.Index(roleNames, name); at > 0 {
		return Role(at), nil
	}
	return NoRole, fmt.Errorf("want one of %s", strings.Join(RoleNames(), ", "))
}
