package bitmovin

import (
	"context"
	"fmt"
	"net/http"
)

const inputsPath = "/encoding/inputs"

// InputInfo is an existing input.
type InputInfo = StorageInfo[InputID]

// CreateInput creates an input. The platform does not try the credentials.
func (c *Client) CreateInput(ctx context.Context, s Storage) (InputID, error) {
	return createStorage[InputID](ctx, c, inputsPath, s)
}

// Input returns an input of any type; [NotFound] if there is none.
func (c *Client) Input(ctx context.Context, id InputID) (InputInfo, error) {
	return readStorage(ctx, c, inputsPath, id)
}

// InputExists reports whether the platform still has an input.
func (c *Client) InputExists(ctx context.Context, id InputID) (bool, error) {
	found, err := c.Input(ctx, id)
	return exists(id, found.ID, err)
}

// FindInputs returns the inputs of a type whose name is exactly name.
func (c *Client) FindInputs(ctx context.Context, t StorageType, name string) ([]InputInfo, error) {
	return findStorages[InputID](ctx, c, inputsPath, t, name)
}

// FindInput returns the id of the first of [Client.FindInputs].
func (c *Client) FindInput(ctx context.Context, t StorageType, name string) (id InputID, found bool, err error) {
	return firstID(c.FindInputs(ctx, t, name))
}

// DeleteInput deletes an input of the given type.
func (c *Client) DeleteInput(ctx context.Context, t StorageType, id InputID) error {
	if t.segment() == "" {
		return fmt.Errorf("delete input: unknown storage type %q", t)
	}
	return c.do(ctx, call{
		method: http.MethodDelete, path: inputsPath + "/" + t.segment() + "/" + escape(id), class: ClassResourceWrite,
	}, nil)
}
