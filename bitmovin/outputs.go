package bitmovin

import (
	"context"
	"fmt"
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
