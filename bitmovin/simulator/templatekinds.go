package simulator

import (
	"fmt"
	"strings"
)

// templateNode is a place in a template: the keys that it can have, and what the name below it makes.
type templateNode struct {
	children map[string]*templateNode
	named    *templateNode // below a free name; nil: names are not free
	makes    templateKind  // what this node makes, if it is below a free name
}

// templateKind is the kind of resource at a place of a template. At most one field is set.
type templateKind struct {
	kind     *kind // of a class
	encoding bool
	stream   bool
	muxing   *kind
	part     *partKind
}

func (k templateKind) isZero() bool { return k == templateKind{} }

// templateTree returns the places in a template at which the simulator makes something. The platform
// ignores everything else.
func templateTree(known *catalog) *templateNode {
	root := &templateNode{}
	for _, k := range known.kinds {
		root.add(strings.TrimPrefix(k.class.base, "/encoding/")+"/"+k.template+"/*", templateKind{kind: k})
	}
	root.add("encodings/*", templateKind{encoding: true})
	root.add("encodings/*/streams/*", templateKind{stream: true})
	for _, k := range known.muxings {
		root.add("encodings/*/muxings/"+k.template+"/*", templateKind{muxing: k})
	}
	for _, k := range known.parts {
		root.add(k.templatePath(), templateKind{part: k})
	}
	return root
}

// templatePath is the place of a part in a template, with * for names. A template names the kind of an
// adaptation set or of media where the path of a call has its id.
func (k *partKind) templatePath() string {
	path := strings.TrimPrefix(k.pattern, "/encoding/") + "/*"
	path = strings.NewReplacer(
		"adaptationsets/{}/", "adaptationsets/", "media/{}/", "media/", "608-708", "cea", "sidecars/webvtt", "sidecars/{}/webvtt",
		"representations/fmp4/drm", "representations/fmp4/{}/drm", "representations/mp4/drm", "representations/mp4/{}/drm",
	).Replace(path)
	return camelPath(strings.ReplaceAll(path, "{}", "*"))
}

func (n *templateNode) add(path string, makes templateKind) {
	for step := range strings.SplitSeq(path, "/") {
		if step == "*" {
			if n.named == nil {
				n.named = &templateNode{}
			}
			n = n.named
			continue
		}
		if n.children == nil {
			n.children = make(map[string]*templateNode)
		}
		if n.children[step] == nil {
			n.children[step] = &templateNode{}
		}
		n = n.children[step]
	}
	n.makes = makes
}

// declaration is a resource in a template.
type declaration struct {
	path       string // "$/inputs/https/in"
	makes      templateKind
	properties orderedMap
	body       orderedMap
}

// walk calls visit for every resource below a place, in the order of the template and from the outside
// in, and leave when it is done with a resource and everything in it.
func (n *templateNode) walk(path string, body orderedMap, visit, leave func(declaration) error) error {
	for _, item := range body {
		key := fmt.Sprint(item.Key)
		next := n.children[key]
		if next == nil {
			next = n.named
		}
		if next == nil {
			continue
		}
		at, below := path+"/"+key, asOrderedMap(item.Value)
		d := declaration{at, next.makes, below.child("properties"), below}
		if !d.makes.isZero() {
			if err := visit(d); err != nil {
				return err
			}
		}
		if err := next.walk(at, below, visit, leave); err != nil {
			return err
		}
		if !d.makes.isZero() {
			if err := leave(d); err != nil {
				return err
			}
		}
	}
	return nil
}
