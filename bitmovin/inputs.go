package bitmovin

import (
	"context"
)

const inputsPath = "/encoding/inputs"

// CreateInput creates an input. The platform does not check the credentials. Fields that only outputs
// of the type have are not sent.
func (c *Client) CreateInput(ctx context.Context, s Storage) (InputID, error) {
	return createStorage[InputID](ctx, c, inputsPath, s.asInput())
}

// InputExists reports whether an input exists.
func (c *Client) InputExists(ctx context.Context, id InputID) (bool, error) {
	return storageExists(ctx, c, inputsPath, id)
}

// FindInput returns the id of the first input of a type whose name is exactly name.
func (c *Client) FindInput(ctx context.Context, t StorageType, name string) (id InputID, found bool, err error) {
	return findStorage[InputID](ctx, c, inputsPath, t, name)
}
