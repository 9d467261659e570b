package simulator

import "net/http"

// manifestRoutes are the routes of all DASH manifests and of all HLS manifests, however they
// were created. A manifest that the start of an encoding names is QUEUED until the run ends,
// and then has the status in which the run ended. A manifest with a start of its own is
// FINISHED at once.
func manifestRoutes(known *catalog) []route {
	var routes []route
	for _, k := range known.kinds {
		if k.class != known.manifests {
			continue
		}
		path := known.manifests.base + "/dash"
		if k.typ == "HLS" {
			path = known.manifests.base + "/hls"
		}
		start := postRoute(path+"/{id}/start", groupManifests, startManifest(k))
		stop := postRoute(path+"/{id}/stop", groupManifests, stopManifest(k))
		start.status, stop.status = http.StatusAccepted, http.StatusAccepted
		routes = append(routes, start, stop,
			getRoute(path, groupManifests, listKinds(k)),
			getRoute(path+"/{id}", groupManifests, getResource(k)),
			deleteRoute(path+"/{id}", groupManifests, removeResource(k)),
			getRoute(path+"/{id}/status", groupManifests, manifestStatus(k)))
	}
	return routes
}

func startManifest(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		m, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		if m.status == Queued {
			return nil, manifestRefusal(m, "started")
		}
		m.status = Finished
		return idOnly(m.id), nil
	}
}

func stopManifest(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		m, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		return nil, manifestRefusal(m, "stopped") // a manifest with a start of its own is FINISHED already
	}
}

func manifestRefusal(m *resource, action string) error {
	return &apiError{
		status: http.StatusBadRequest, code: CodeState,
		message: "manifest " + m.id + " cannot be " + action + " while it is " + string(m.status),
	}
}

func manifestStatus(k *kind) handler {
	return func(s *Simulator, c *call) (any, error) {
		m, err := s.resources.findOfKind(k, c.params["id"])
		if err != nil {
			return nil, err
		}
		t := taskBody{
			ID: m.id, Status: m.status, CreatedAt: timestamp(m.created),
			Subtasks: []subtask{}, Messages: []taskMessage{},
		}
		if m.status == Finished {
			t.Progress = 100
		}
		return t, nil
	}
}
