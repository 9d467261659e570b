package bitmovin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// callTest holds a method to its request: method, path, query, body, and the class it spends
// from.
type callTest struct {
	name   string
	call   func(context.Context, *Client) error
	want   string // method and URI
	body   string
	class  Class
	result string // default {"id":"x"}
}

func testCalls(t *testing.T, tests []callTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, body string
			c := mustNew(t, Options{APIKey: fixedKey(testKey), HTTPClient: &http.Client{Transport: handlerTransport{
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got = r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/v1")
					if r.Body != nil {
						b, _ := io.ReadAll(r.Body)
						body = string(b)
					}
					result := tt.result
					if result == "" {
						result = `{"id":"x"}`
					}
					success(result)(w, r)
				}),
			}}})
			if err := tt.call(t.Context(), c); err != nil {
				t.Error(err)
			}
			if got != tt.want {
				t.Errorf("sent %s\nwant %s", got, tt.want)
			}
			if diff := cmp.Diff(tt.body, body); diff != "" {
				t.Errorf("body (-want +got)\n%s", diff)
			}
			for _, s := range c.RateGovernor().State() {
				if spent := c.RateGovernor().bucketOf(s.Class).granted; (spent != 0) != (s.Class == tt.class) {
					t.Errorf("spent %d of class %v", spent, s.Class)
				}
			}
		})
	}
}

// want turns an unexpected value into an error.
func want[T comparable](err error, got, want T) error {
	if err == nil && got != want {
		return fmt.Errorf("result %v, want %v", got, want)
	}
	return err
}

func TestEncodingCalls(t *testing.T) {
	at := time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600))
	testCalls(t, []callTest{
		{
			name: "CreateEncoding sends what a caller may set",
			call: func(ctx context.Context, c *Client) error {
				e, err := c.CreateEncoding(ctx, Encoding{
					ID: "ignored", Status: StatusRunning, Name: "n", Labels: []string{"l"}, CloudRegion: "AWS_EU_WEST_1", EncoderVersion: "STABLE",
				}, nil)
				return want(err, e.ID, "x")
			},
			want:  "POST /encoding/encodings",
			body:  `{"name":"n","labels":["l"],"cloudRegion":"AWS_EU_WEST_1","encoderVersion":"STABLE"}`,
			class: ClassEncodingCreate,
		},
		{
			name: "CreateEncoding leaves out what is not set",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateEncoding(ctx, Encoding{Name: "n"}, nil)
				return err
			},
			want:  "POST /encoding/encodings",
			body:  `{"name":"n"}`,
			class: ClassEncodingCreate,
		},
		{
			name: "Encoding",
			call: func(ctx context.Context, c *Client) error {
				e, err := c.ReadEncoding(ctx, "e")
				return want(err, e.ID, "x")
			},
			want:  "GET /encoding/encodings/e",
			class: ClassEncodingRead,
		},
		{
			name:  "DeleteEncoding",
			call:  func(ctx context.Context, c *Client) error { return c.DeleteEncoding(ctx, "e") },
			want:  "DELETE /encoding/encodings/e",
			class: ClassSubresource,
		},
		{
			name: "ListEncodings",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ListEncodings(ctx, EncodingQuery{
					Status: StatusQueued, Name: "a b", Search: `labels:x AND name:y*`,
					CreatedAfter: at, CreatedBefore: at, Offset: 200, Limit: 50,
				})
				return err
			},
			want: "GET /encoding/encodings?createdAtNewerThan=2026-01-02T03%3A04%3A05Z&createdAtOlderThan=2026-01-02T03%3A04%3A05Z" +
				"&includeTotalCount=true&limit=50&name=a+b&offset=200&search=labels%3Ax+AND+name%3Ay%2A&status=QUEUED",
			class: ClassEncodingList, result: `{}`,
		},
		{
			name: "ListEncodings with defaults",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ListEncodings(ctx, EncodingQuery{Limit: 1000})
				return err
			},
			want:  "GET /encoding/encodings?includeTotalCount=true&limit=100",
			class: ClassEncodingList, result: `{}`,
		},
		{
			name: "StartEncoding",
			call: func(ctx context.Context, c *Client) error {
				return c.StartEncoding(ctx, "e", &StartRequest{
					Scheduling: &Scheduling{Priority: new(0)}, ManifestGenerator: "V2",
					VODDashManifests: []ManifestResource{{"d"}}, VODHLSManifests: []ManifestResource{{"h"}},
				}, nil)
			},
			want:  "POST /encoding/encodings/e/start",
			body:  `{"scheduling":{"priority":0},"manifestGenerator":"V2","vodDashManifests":[{"manifestId":"d"}],"vodHlsManifests":[{"manifestId":"h"}]}`,
			class: ClassStart,
		},
		{
			name:  "StopEncoding",
			call:  func(ctx context.Context, c *Client) error { return c.StopEncoding(ctx, "e") },
			want:  "POST /encoding/encodings/e/stop",
			body:  `{}`,
			class: ClassSubresource,
		},
		{
			name:  "Reprioritize",
			call:  func(ctx context.Context, c *Client) error { return c.Reprioritize(ctx, "e", 0) },
			want:  "POST /encoding/encodings/e/reprioritize",
			body:  `{"priority":0}`,
			class: ClassSubresource,
		},
		{
			name: "Status",
			call: func(ctx context.Context, c *Client) error {
				s, err := c.ReadStatus(ctx, "e")
				return want(err, s.Status, "RUNNING")
			},
			want:  "GET /encoding/encodings/e/status",
			class: ClassStatus, result: `{"status":"RUNNING"}`,
		},
		{
			name: "CreateStream",
			call: func(ctx context.Context, c *Client) error {
				s, err := c.CreateStream(ctx, "e", Stream{ID: "ignored", InputStreams: []InputStream{{InputID: "i", InputPath: "p", SelectionMode: SelectAuto}}, CodecConfigID: "c"})
				return want(err, s.ID, "x")
			},
			want:  "POST /encoding/encodings/e/streams",
			body:  `{"inputStreams":[{"inputId":"i","inputPath":"p","selectionMode":"AUTO"}],"codecConfigId":"c"}`,
			class: ClassSubresource,
		},
		{
			name: "CreateMuxing fMP4",
			call: func(ctx context.Context, c *Client) error {
				m, err := c.CreateMuxing(ctx, "e", Muxing{
					Type: MuxingFMP4, Streams: []MuxingStream{{"s"}}, SegmentLength: 4,
					Outputs: []EncodingOutput{{OutputID: "o", OutputPath: "p/video/480", ACL: []ACLEntry{{PublicRead}}}},
				})
				return want(err, m.ID, "x")
			},
			want:  "POST /encoding/encodings/e/muxings/fmp4",
			body:  `{"type":"FMP4","streams":[{"streamId":"s"}],"outputs":[{"outputId":"o","outputPath":"p/video/480","acl":[{"permission":"PUBLIC_READ"}]}],"segmentLength":4}`,
			class: ClassSubresource,
		},
		{
			name: "CreateMuxing MP4",
			call: func(ctx context.Context, c *Client) error {
				_, err := c.CreateMuxing(ctx, "e", Muxing{Type: MuxingMP4, Streams: []MuxingStream{{"v"}, {"a"}}, Filename: "f.mp4"})
				return err
			},
			want:  "POST /encoding/encodings/e/muxings/mp4",
			body:  `{"type":"MP4","streams":[{"streamId":"v"},{"streamId":"a"}],"filename":"f.mp4"}`,
			class: ClassSubresource,
		},
		{
			name: "CreateDashManifest",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.CreateDashManifest(ctx, ManifestRequest{EncodingID: "e", ManifestName: "m.mpd", Outputs: []EncodingOutput{{OutputID: "o", OutputPath: "p"}}})
				return want(err, id, "x")
			},
			want:  "POST /encoding/manifests/dash/default",
			body:  `{"encodingId":"e","outputs":[{"outputId":"o","outputPath":"p"}],"manifestName":"m.mpd"}`,
			class: ClassManifest,
		},
		{
			name: "CreateHLSManifest",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.CreateHLSManifest(ctx, ManifestRequest{EncodingID: "e", Name: "m"})
				return want(err, id, "x")
			},
			want:  "POST /encoding/manifests/hls/default",
			body:  `{"encodingId":"e","name":"m"}`,
			class: ClassManifest,
		},
		{
			name: "StartTemplate",
			call: func(ctx context.Context, c *Client) error {
				id, err := c.StartTemplate(ctx, "metadata:\n  type: VOD\n", nil)
				return want(err, id, "e")
			},
			want:  "POST /encoding/templates/start",
			body:  `"metadata:\n  type: VOD\n"`,
			class: ClassEncodingCreate, result: `{"encodingId":"e"}`,
		},
	})
}
