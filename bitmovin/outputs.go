package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

const outputsPath = "/encoding/outputs"

// CreateOutput creates an output. The platform does not check the credentials.
func (c *Client) CreateOutput(ctx context.Context, s Storage) (OutputID, error) {
	if !s.Type.Output() {
		return "", fmt.Errorf("create output: storage type %q cannot be written to", s.Type)
	}
	return createStorage[OutputID](ctx, c, outputsPath, s)
}

// OutputExists reports whether an output exists.
func (c *Client) OutputExists(ctx context.Context, id OutputID) (bool, error) {
	return storageExists(ctx, c, outputsPath, id)
}

// FindOutput returns the id of the first output of a type whose name is exactly name.
func (c *Client) FindOutput(ctx context.Context, t StorageType, name string) (id OutputID, found bool, err error) {
	return findStorage[OutputID](ctx, c, outputsPath, t, name)
}

// DeleteOutput deletes an output of a type. What was written to it stays.
func DeleteOutput(ctx context.Context, c *Client, t StorageType, id OutputID) error {
	return c.do(ctx, call{
		method: http.MethodDelete, path: outputsPath + "/" + t.segment() + "/" + escape(id), class: ClassResourceWrite,
	}, nil)
}

// PermissionCheck is the platform's answer whether it may write to an output.
type PermissionCheck struct {
	// Passed is nil if the answer does not say.
	Passed        *bool  `json:"passed"`
	FailureReason string `json:"failureReason"`
}

// CheckPermissions asks the platform whether it may write below a path of an output, which it tries
// with an empty file, WritePermissionTestFile.txt. The platform can check S3 outputs only.
func (c *Client) CheckPermissions(ctx context.Context, id OutputID, path string) (PermissionCheck, error) {
	body := struct {
		Path string `json:"path,omitempty"`
	}{path}
	var answer PermissionCheck
	err := c.do(ctx, call{
		method: http.MethodPost, path: outputsPath + "/" + escape(id) + "/check-permissions", class: ClassResourceWrite, body: body,
	}, &answer)
	return answer, err
}
