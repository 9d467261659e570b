package archtest

import "strings"

// module is the import path that the packages of this module share.
const module = "github.com/stokerd/stoker"

// maxLines is where a file has stopped being about one thing.
const maxLines = 500

// rule says what the files of one package, tests aside, may import of this module.
type rule struct {
	// imports lists packages by their path below the module.
	imports []string
	// everything lifts the restriction: the package wires the others together.
	everything bool
	// stdOnly keeps every other module out.
	stdOnly bool
	// testSupport marks a package that only tests import. It may import testing.
	testSupport bool
}

// rules is the whole architecture. A package without a line here may not exist, and a line without
// a package may not stay.
var rules = map[string]rule{
	// The vocabulary everybody speaks.
	"job": {stdOnly: true},

	// The platform: a client, and a stand-in that shares no code with it, so that neither
	// can hide the other's mistakes.
	"bitmovin":           {imports: []string{"internal/clock"}},
	"bitmovin/simulator": {imports: []string{"internal/clock"}},

	"store":        {imports: []string{"job"}},
	"store/sqlite": {imports: []string{"job", "store"}},
	"dispatcher":   {imports: []string{"job", "bitmovin", "internal/clock", "internal/template"}},
	"webhook":      {imports: []string{"job", "bitmovin"}},

	// The contract and the two ends of it.
	"gen/stoker/v1": {},
	"server":        {imports: []string{"job", "gen/stoker/v1", "internal/forecast", "internal/template"}},
	"client":        {imports: []string{"gen/stoker/v1"}},

	"cmd/stoker": {everything: true},

	// What the commands read.
	"internal/config":   {imports: []string{"job", "bitmovin", "internal/spelling", "internal/template"}},
	"internal/joblist":  {imports: []string{"job", "internal/spelling"}},
	"internal/spelling": {stdOnly: true},

	// Encoding templates: read with the configuration, checked at submission, filled in at the start.
	"internal/template": {imports: []string{"job"}},

	// The world's time, or simulated time.
	"internal/clock": {stdOnly: true},

	// The service's log: equal lines are one with a count.
	"internal/logdedup": {imports: []string{"job"}},

	// When a batch will be done: from how it goes, and by running it ahead of time.
	"internal/forecast": {stdOnly: true},
	"internal/plan": {imports: []string{
		"job", "store", "store/sqlite", "bitmovin", "bitmovin/simulator", "dispatcher", "internal/clock", "internal/forecast",
	}},

	"examples": {stdOnly: true},

	"store/storetest":             {imports: []string{"job", "store"}, testSupport: true},
	"internal/archtest":           {stdOnly: true, testSupport: true},
	"internal/testkit/bubble":     {stdOnly: true, testSupport: true},
	"internal/clients":            {stdOnly: true, testSupport: true},
	"internal/docstest":           {stdOnly: true, testSupport: true},
	"internal/testkit/grpcurl":    {stdOnly: true, testSupport: true},
	"internal/testkit/history":    {imports: []string{"gen/stoker/v1"}, testSupport: true},
	"internal/testkit/transcript": {stdOnly: true, testSupport: true},
	"internal/testkit/loopback":   {stdOnly: true, testSupport: true},
	"internal/testkit/middlebox":  {testSupport: true},
	"internal/jssdk":              {imports: []string{"bitmovin/simulator"}, testSupport: true},
}

// homes names, for each outside technology, the packages that may import it; those below them may too.
var homes = []struct {
	technology []string
	packages   []string
}{
	{
		technology: []string{
			"google.golang.org/grpc",
			"google.golang.org/protobuf",
			"google.golang.org/genproto",
			"github.com/grpc-ecosystem/go-grpc-middleware",
			"buf.build",
		},
		packages: []string{"server", "client", "gen", "cmd"},
	},
	{
		technology: []string{"database/sql", "modernc.org/sqlite", "github.com/pressly/goose"},
		packages:   []string{"store/sqlite"},
	},
	{
		technology: []string{
			"github.com/spf13/cobra",
			"github.com/charmbracelet",
			"golang.org/x/term",
		},
		packages: []string{"cmd"},
	},
}

// within reports whether the path is one of the roots or lies below one of them.
func within(path string, roots []string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
