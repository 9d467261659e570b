package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// handler performs a call while the simulator is locked. It returns the object for
// data.result, or an *apiError.
type handler func(*Simulator, *call) (any, error)

// route is one method and path of the API.
type route struct {
	name   string // "POST /encoding/encodings/{id}/start"
	method string
	status int // of a successful answer
	group  string
	do     handler
	// readOnly says that a call changes nothing although it is no GET.
	readOnly bool
}

// apiRoutes returns the routes of the whole API.
func apiRoutes(known *catalog) []route {
	return slices.Concat(
		resourceRoutes(known),
		manifestRoutes(known),
		encodingRoutes(),
		childRoutes(known),
		partRoutes(known),
		templateRoutes(),
		webhookRoutes(),
		definitionRoutes(),
	)
}

// Routes lists the routes of the API that the simulator has, such as
// "POST /encoding/encodings/{id}/start".
func Routes() []string {
	var names []string
	for _, r := range apiRoutes(newCatalog()) {
		names = append(names, r.name)
	}
	return names
}

func getRoute(path, group string, do handler) route {
	return route{name: "GET " + path, method: http.MethodGet, status: http.StatusOK, group: group, do: do}
}

func postRoute(path, group string, do handler) route {
	return route{name: "POST " + path, method: http.MethodPost, status: http.StatusCreated, group: group, do: do}
}

func deleteRoute(path, group string, do handler) route {
	return route{name: "DELETE " + path, method: http.MethodDelete, status: http.StatusOK, group: group, do: do}
}

// router is a node of a tree that finds the route of a path. Each node stands for a segment. A
// literal segment wins over a parameter at the same place. [net/http.ServeMux] would refuse
// the patterns of this API: /inputs/{id}/type and /inputs/http/{id} overlap.
type router struct {
	literal map[string]*router
	param   *router
	name    string // of the parameter, if the segment of this node is one
	methods map[string]*route
}

func newRouter(routes []route) *router {
	root := new(router)
	for i := range routes {
		root.add(&routes[i])
	}
	return root
}

func (r *router) add(rt *route) {
	_, path, _ := strings.Cut(rt.name, " ")
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			if r.param == nil {
				r.param = &router{name: strings.Trim(segment, "{}")}
			}
			if r.param.name != strings.Trim(segment, "{}") {
				panic("simulator: two names for one parameter: " + rt.name)
			}
			r = r.param
			continue
		}
		if r.literal == nil {
			r.literal = make(map[string]*router)
		}
		if r.literal[segment] == nil {
			r.literal[segment] = new(router)
		}
		r = r.literal[segment]
	}
	if r.methods == nil {
		r.methods = make(map[string]*route)
	}
	if r.methods[rt.method] != nil {
		panic("simulator: two routes " + rt.name)
	}
	r.methods[rt.method] = rt
}

// find returns the node of a path, or nil. It stores the values of the path's parameters in
// params.
func (r *router) find(path string, params map[string]string) *router {
	if path == "" {
		if r.methods == nil {
			return nil
		}
		return r
	}
	segment, rest, _ := strings.Cut(path, "/")
	if next := r.literal[segment]; next != nil {
		if found := next.find(rest, params); found != nil {
			return found
		}
	}
	if r.param == nil || segment == "" {
		return nil
	}
	found := r.param.find(rest, params)
	if found != nil {
		params[r.param.name] = segment
	}
	return found
}

// allowed lists the methods of a node in alphabetical order.
func (r *router) allowed() []string {
	var methods []string
	for m := range r.methods {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	return methods
}
