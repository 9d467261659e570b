package bitmovin

import (
	"context"
	"net/http"
)

const deinterlacePath = "/encoding/filters/deinterlace"

// DeinterlaceFilter turns interlaced video into progressive. Any number of streams can share it. The
// platform chooses the values of zero fields.
type DeinterlaceFilter struct {
	ID                 FilterID `json:"id,omitempty"` // set by the platform
	Name               string   `json:"name,omitempty"`
	Parity             string   `json:"parity,omitempty"`             // such as AUTO
	Mode               string   `json:"mode,omitempty"`               // such as FRAME
	FrameSelectionMode string   `json:"frameSelectionMode,omitempty"` // ALL or INTERLACED
	AutoEnable         string   `json:"autoEnable,omitempty"`         // such as META_DATA_BASED
}

func (f DeinterlaceFilter) requiredField() (field, value string) { return "id", string(f.ID) }

// CreateDeinterlace creates a deinterlacing filter.
func (c *Client) CreateDeinterlace(ctx context.Context, f DeinterlaceFilter) (FilterID, error) {
	f.ID = ""
	var created DeinterlaceFilter
	err := c.do(ctx, call{method: http.MethodPost, path: deinterlacePath, class: ClassResourceWrite, body: f}, &created)
	return created.ID, err
}

// DeinterlaceExists reports whether a deinterlacing filter exists.
func (c *Client) DeinterlaceExists(ctx context.Context, id FilterID) (bool, error) {
	var found DeinterlaceFilter
	err := c.do(ctx, call{method: http.MethodGet, path: deinterlacePath + "/" + escape(id), class: ClassResourceRead}, &found)
	return existsResult(id, found.ID, err)
}

// FindDeinterlace returns the id of the first deinterlacing filter whose name is exactly name.
func (c *Client) FindDeinterlace(ctx context.Context, name string) (id FilterID, found bool, err error) {
	list := call{path: deinterlacePath, class: ClassResourceRead}
	filters, err := listNamed(ctx, c, list, name, func(f DeinterlaceFilter) string { return f.Name })
	if err != nil || len(filters) == 0 {
		return "", false, err
	}
	return filters[0].ID, true, nil
}

// StreamFilter puts a filter before a stream. Filters work in ascending order of Position.
type StreamFilter struct {
	ID       FilterID `json:"id"`
	Position int      `json:"position"`
}

// AddFilters puts filters before a stream of an encoding that has not been started.
func (c *Client) AddFilters(ctx context.Context, id EncodingID, stream StreamID, filters []StreamFilter) error {
	return c.do(ctx, call{
		method: http.MethodPost, path: encodingPath(id, "streams", escape(stream), "filters"), class: ClassSubresource, body: filters,
	}, nil)
}
