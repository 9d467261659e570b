package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// manifestFormat is DASH, HLS or Smooth Streaming: the kinds of its manifests share their routes.
type manifestFormat struct {
	path  string  // "/encoding/manifests/dash"
	kinds []*kind // default and custom
}

// manifestFormats groups the kinds of manifests by format.
func manifestFormats(known *catalog) []*manifestFormat {
	var formats []*manifestFormat
	for _, k := range known.kinds {
		if k.class != known.manifests {
			continue
		}
		path := strings.TrimSuffix(k.path, "/default")
		i := slices.IndexFunc(formats, func(f *manifestFormat) bool { return f.path == path })
		if i < 0 {
			i = len(formats)
			formats = append(formats, &manifestFormat{path: path})
		}
		formats[i].kinds = append(formats[i].kinds, k)
	}
	return formats
}

// manifestRoutes are the routes of manifests, however they were created. A manifest that the start of
// an encoding names is QUEUED until the run ends, and then has the status in which the run ended. A
// manifest with a start of its own is FINISHED at once.
func manifestRoutes(known *catalog) []route {
	var routes []route
	for _, f := range manifestFormats(known) {
		one := f.path + "/{id}"
		start := postRoute(one+"/start", groupManifests, f.on(startManifest))
		stop := postRoute(one+"/stop", groupManifests, f.on(stopManifest))
		start.status, stop.status = http.StatusAccepted, http.StatusAccepted
		for _, k := range f.kinds {
			routes = append(routes, postRoute(k.path, groupManifests, createResource(k)))
		}
		routes = append(routes, start, stop,
			getRoute(f.path, groupManifests, listKinds(f.kinds...)),
			getRoute(one, groupManifests, f.on(func(_ *Simulator, m *resource) (any, error) { return m.render(), nil })),
			getRoute(one+"/customData", groupManifests, f.on(func(_ *Simulator, m *resource) (any, error) {
				return renderCustomData(m.custom, m.created), nil
			})),
			deleteRoute(one, groupManifests, f.on(func(s *Simulator, m *resource) (any, error) {
				s.resources.remove(m)
				delete(s.parts, m.id)
				return idOnly(m.id), nil
			})),
			getRoute(one+"/status", groupManifests, f.on(manifestStatus)))
	}
	return routes
}

// on returns a handler that looks up the manifest of the path.
func (f *manifestFormat) on(do func(*Simulator, *resource) (any, error)) handler {
	return func(s *Simulator, c *call) (any, error) {
		m := s.resources.byID[c.params["id"]]
		if m == nil || !slices.Contains(f.kinds, m.kind) {
			return nil, notFound("manifest", c.params["id"])
		}
		return do(s, m)
	}
}

func startManifest(_ *Simulator, m *resource) (any, error) {
	if m.status == Queued {
		return nil, manifestRefusal(m, "started")
	}
	m.status = Finished
	return idOnly(m.id), nil
}

// stopManifest refuses: a manifest with a start of its own is FINISHED already.
func stopManifest(_ *Simulator, m *resource) (any, error) {
	return nil, manifestRefusal(m, "stopped")
}

func manifestRefusal(m *resource, action string) error {
	return &apiError{
		status: http.StatusBadRequest, code: CodeState,
		message: "manifest " + m.id + " cannot be " + action + " while it is " + string(m.status),
	}
}

func manifestStatus(_ *Simulator, m *resource) (any, error) {
	t := taskBody{
		ID: m.id, Status: m.status, CreatedAt: timestamp(m.created),
		Subtasks: []subtask{}, Messages: []taskMessage{},
	}
	if m.status == Finished {
		t.Progress = 100
	}
	return t, nil
}
