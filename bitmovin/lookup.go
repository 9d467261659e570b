package bitmovin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// listNamed returns the items of a list whose name is exactly name. If the platform refuses to
// select by name, listNamed reads the whole list.
func listNamed[T identified](ctx context.Context, c *Client, cl call, name string, nameOf func(T) string) ([]T, error) {
	cl.query = url.Values{ParamName: {name}}
	found, err := collect(listAll[T](ctx, c, cl, 0, maxPageSize))
	if Unsupported(err) {
		cl.query = nil
		found, err = collect(listAll[T](ctx, c, cl, 0, maxPageSize))
	}
	// Whether the platform selects by the exact name is not documented for every resource.
	return slices.DeleteFunc(found, func(item T) bool { return nameOf(item) != name }), err
}

// errOtherResource is returned for a response about a resource that was not asked for.
var errOtherResource = errors.New("the answer is about another resource")

// existsResult turns the result of a read into whether the resource exists. [NotFound] means no;
// every other error is returned.
func existsResult[ID ~string](asked, answered ID, err error) (bool, error) {
	switch {
	case NotFound(err):
		return false, nil
	case err == nil && !strings.EqualFold(string(asked), string(answered)):
		return false, fmt.Errorf("read %s: %w: %s", asked, errOtherResource, answered)
	}
	return err == nil, err
}
