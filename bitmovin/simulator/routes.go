package simulator

import (
	"net/http"
	"slices"
)

// apiRoutes is the whole API.
func apiRoutes(known *catalog) []route {
	return slices.Concat(
		resourceRoutes(known),
		manifestRoutes(known),
		encodingRoutes(),
		childRoutes(known),
		templateRoutes(),
		webhookRoutes(),
		definitionRoutes(),
	)
}

func get(path, group string, do handler) route {
	return route{name: "GET " + path, method: http.MethodGet, status: http.StatusOK, group: group, do: do}
}

func post(path, group string, do handler) route {
	return route{name: "POST " + path, method: http.MethodPost, status: http.StatusCreated, group: group, do: do}
}

func remove(path, group string, do handler) route {
	return route{name: "DELETE " + path, method: http.MethodDelete, status: http.StatusOK, group: group, do: do}
}
