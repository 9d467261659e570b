package simulator

import (
	"net/http"
)

// PermissionCheck is a question whether the platform may write to an output.
type PermissionCheck struct {
	Output Resource
	Path   string
}

// permissionRoute is the route that checks the rights of an output.
func permissionRoute(known *catalog) route {
	check := postRoute(known.outputs.base+"/{id}/check-permissions", known.outputs.group, checkPermissions)
	check.status, check.readOnly = http.StatusOK, true
	return check
}

// checkPermissions answers whether an S3 output can be written to. For other outputs the platform has
// no such check.
func checkPermissions(s *Simulator, c *call) (any, error) {
	r, err := s.resources.findOfClass(s.known.outputs, c.params["id"])
	if err != nil {
		return nil, err
	}
	var body struct {
		Path string `json:"path"`
	}
	if err := c.optional(&body); err != nil {
		return nil, err
	}
	if r.kind.typ != "S3" && r.kind.typ != "S3_ROLE_BASED" {
		return nil, invalid("permissions can be checked of S3 outputs only, not of %s", r.kind.typ)
	}
	answer := map[string]any{"outputId": r.id, "outputType": r.kind.typ, "path": body.Path, "passed": true}
	if s.DenyPermission != nil {
		if reason := s.DenyPermission(PermissionCheck{Output: r.snapshot(), Path: body.Path}); reason != "" {
			answer["passed"], answer["failureReason"] = false, reason
		}
	}
	return answer, nil
}
