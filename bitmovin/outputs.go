package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

const outputsPath = "/encoding/outputs"

// OutputInfo is an existing output.
type OutputInfo = StorageInfo[OutputID]

// CreateOutput creates an output. The platform does not try the credentials.
func (c *Client) CreateOutput(ctx context.Context, s Storage) (OutputID, error) {
	if !s.Type.Output() {
		return "", fmt.Errorf("create output: storage type %q cannot be written to", s.Type)
	}
	return createStorage[OutputID](ctx, c, outputsPath, s)
}

// Output returns an output of any type; [NotFound] if there is none.
func (c *Client) Output(ctx context.Context, id OutputID) (OutputInfo, error) {
	return readStorage(ctx, c, outputsPath, id)
}

// OutputExists reports whether the platform still has an output.
func (c *Client) OutputExists(ctx context.Context, id OutputID) (bool, error) {
	found, err := c.Output(ctx, id)
	return exists(id, found.ID, err)
}

// FindOutputs returns the outputs of a type whose name is exactly name.
func (c *Client) FindOutputs(ctx context.Context, t StorageType, name string) ([]OutputInfo, error) {
	return findStorages[OutputID](ctx, c, outputsPath, t, name)
}

// FindOutput returns the id of the first of [Client.FindOutputs].
func (c *Client) FindOutput(ctx context.Context, t StorageType, name string) (id OutputID, found bool, err error) {
	return firstID(c.FindOutputs(ctx, t, name))
}

// DeleteOutput deletes an output of the given type.
func (c *Client) DeleteOutput(ctx context.Context, t StorageType, id OutputID) error {
	if !t.Output() {
		return fmt.Errorf("delete output: storage type %q cannot be written to", t)
	}
	return c.do(ctx, call{
		method: http.MethodDelete, path: outputsPath + "/" + t.segment() + "/" + escape(id), class: ClassResourceWrite,
	}, nil)
}
