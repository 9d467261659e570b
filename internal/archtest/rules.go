package archtest

import "strings"

// module is the import path that the packages of this module share.
const module = "github.com/stokerd/stoker"

const (
	maxLines     = 500 // of a file: a longer one is about more than one thing
	maxMethods   = 60  // of a type: a larger one does more than one thing
	maxInterface = 12  // methods of an interface, without those it embeds: a larger one has more than one consumer
)

// rule says what one package is, and what its files may import; its tests may import more.
type rule struct {
	pkg string // its path below the module
	is  string // one sentence, for the table in docs/architecture.md
	// imports lists packages of this module. Each has its own line above this one.
	imports []string
	// everything allows all packages of this module: the package wires the others together.
	everything bool
	// uses lists modules, and packages of the standard library that are guarded. The rest of the
	// standard library is free.
	uses []string
	// testSupport marks a package that only tests import. It may import testing.
	testSupport bool
}

// Modules that several packages use.
const (
	grpc       = "google.golang.org/grpc"
	protobuf   = "google.golang.org/protobuf"
	rpcDetails = "google.golang.org/genproto/googleapis/rpc"
	yaml       = "github.com/goccy/go-yaml"
	gocmp      = "github.com/google/go-cmp"
	uuid       = "github.com/google/uuid"
	backoff    = "github.com/cenkalti/backoff/v5"
	xsync      = "golang.org/x/sync"
	pgx        = "github.com/jackc/pgx/v5"
	otel       = "go.opentelemetry.io/otel"

	standardWebhooks = "github.com/standard-webhooks/standard-webhooks/libraries"
)

// rules is the whole architecture, from the vocabulary to the command. A package without a line may
// not exist; a line without a package, and a permission that the package does not use, may not stay.
var rules = []rule{
	{
		pkg: "job",
		is:  "The vocabulary: batches, jobs, recipes, the table of states, and the pure functions that apply facts to a job.",
	},

	{
		pkg: "internal/access",
		is:  "Who may do what: principals, roles, tokens, and the entries of the audit log.",
	},

	{
		pkg: "internal/notification", imports: []string{"job"},
		is: "The words of notifications: events, endpoints, deliveries, secrets, and which addresses are sent to.",
	},
	{
		pkg: "internal/dburl",
		is:  "Recognises the URLs of databases that hold a job table.",
	},
	{
		pkg: "internal/spelling",
		is:  "Finds the known word that an unknown one was probably meant to be.",
	},
	{
		pkg: "internal/capability", imports: []string{"job", "internal/spelling"},
		is: "What the platform can do with a recipe or a storage: values, fields, containers.",
	},

	// The platform: a client, and a stand-in that shares no code with it, so that neither can hide the
	// other's mistakes. Neither knows Stoker.
	{
		pkg: "internal/clock",
		is:  "Time and waiting, by the machine's clock or by a simulated one.",
	},
	{
		pkg: "bitmovin", imports: []string{"internal/clock"}, uses: []string{"golang.org/x/time"},
		is: "The client of the platform: typed ids and errors, rate governor, redaction of secrets.",
	},
	{
		pkg: "bitmovin/simulator", imports: []string{"internal/clock"}, uses: []string{yaml},
		is: "A stand-in for the platform: rate limits, queue, encoders, faults, and a ledger of every call.",
	},

	// The job table, where the other parts meet.
	{
		pkg: "store", imports: []string{"job", "internal/access", "internal/clock", "internal/notification"}, uses: []string{uuid},
		is: "The job table: its methods, group commit, unit of work, accounts, and wakeups; no SQL.",
	},
	{
		pkg: "store/sqlite", imports: []string{"job", "internal/access", "internal/notification", "store"}, uses: []string{sql, "modernc.org/sqlite", "github.com/pressly/goose/v3", uuid},
		is: "The job table in SQLite: all SQL, migrations, file lock, backup.",
	},
	{
		pkg: "store/postgres", imports: []string{"job", "internal/access", "internal/dburl", "internal/notification", "store"}, uses: []string{pgx, "github.com/pressly/goose/v3"},
		is: "The job table in PostgreSQL: all SQL, migrations, connections, leases, wakeups between replicas.",
	},

	{
		pkg: "internal/housekeeping", imports: []string{"job", "internal/clock", "store"}, uses: []string{xsync},
		is: "Deletes what is kept no longer, and makes backups, while the service runs.",
	},

	{
		pkg: "internal/template", imports: []string{"job", "internal/spelling"}, uses: []string{yaml},
		is: "Encoding templates: reads, checks and fills them in.",
	},
	{
		pkg: "internal/provision", imports: []string{"job", "bitmovin", "internal/clock", "internal/template"}, uses: []string{xsync},
		is: "Turns a recipe or template into calls to the platform.",
	},
	{
		pkg: "dispatcher", imports: []string{"job", "bitmovin", "internal/clock", "internal/provision"}, uses: []string{backoff, xsync, "github.com/google/btree"},
		is: "Decides what to start and makes the calls to the platform; one loop for each account.",
	},
	{
		pkg: "webhook", imports: []string{"job", "bitmovin"},
		is: "Receives the platform's deliveries and registers for them.",
	},

	{
		pkg: "notifier", imports: []string{"job", "internal/clock", "internal/notification"}, uses: []string{standardWebhooks},
		is: "Delivers notifications to endpoints.",
	},

	// The contract and the two ends of it.
	{
		pkg: "internal/identity", imports: []string{"internal/access"}, uses: []string{"github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4", xsync, "golang.org/x/time"},
		is: "Finds out who calls, by tokens, certificates, OpenID Connect and named proxies.",
	},
	{
		pkg: "internal/systemd", uses: []string{"github.com/coreos/go-systemd/v22"},
		is: "Tells the service manager how the service stands, and feeds its watchdog.",
	},
	{
		pkg: "gen/stoker/v1", uses: []string{grpc, protobuf, "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go"},
		is: "The contract in Go, generated from proto/.",
	},
	{
		pkg: "internal/joblist", imports: []string{"job", "internal/spelling"}, uses: []string{"golang.org/x/text"},
		is: "Reads lists of jobs as spreadsheets, buckets and programs write them.",
	},
	{
		pkg: "internal/forecast",
		is:  "Forecasts when a running batch ends, from how long its encodings have taken.",
	},
	{
		pkg: "internal/digest", imports: []string{"gen/stoker/v1"}, uses: []string{protobuf},
		is: "The digest by which both ends recognise a submission.",
	},
	{
		pkg: "server", imports: []string{"job", "gen/stoker/v1", "internal/access", "internal/capability", "internal/digest", "internal/forecast", "internal/identity", "internal/joblist", "internal/notification", "internal/template"},
		uses: []string{
			grpc, protobuf, rpcDetails, "buf.build/go/protovalidate", "github.com/grpc-ecosystem/go-grpc-middleware/v2", uuid, xsync, yaml, "golang.org/x/time",
		},
		is: "The gRPC API: checks requests, turns errors into statuses, streams watches.",
	},
	{
		pkg: "internal/gateway", imports: []string{"job", "internal/spelling"},
		uses: []string{protobuf, rpcDetails, "connectrpc.com/connect", "connectrpc.com/vanguard", xsync},
		is:   "Serves the gRPC services as JSON over HTTP, and the page.",
	},
	{
		pkg: "web",
		is:  "The page, as it is built from web/src.",
	},
	{
		pkg: "client", imports: []string{"job", "internal/clock", "gen/stoker/v1"}, uses: []string{grpc, protobuf, rpcDetails, backoff, uuid},
		is: "The Go client: repeats what may be repeated, resumes watches.",
	},

	// The command, and what it is made of.
	{
		pkg: "internal/contexts", imports: []string{"internal/spelling"}, uses: []string{yaml},
		is: "Keeps the servers that a user has named.",
	},
	{
		pkg: "internal/config", imports: []string{"job", "bitmovin", "internal/access", "internal/capability", "internal/dburl", "internal/identity", "internal/notification", "internal/spelling", "internal/template"}, uses: []string{yaml, "golang.org/x/net"},
		is: "Reads the configuration of the service.",
	},
	{
		pkg: "internal/doctor", imports: []string{"job", "bitmovin", "store", "internal/config", "internal/provision", "webhook"},
		is: "Looks at all that a service depends on, and says what is wrong and what to do.",
	},
	{
		pkg: "internal/logdedup", imports: []string{"job"},
		is: "Writes a run of equal log lines as one line with a count.",
	},
	{
		pkg:     "internal/plan",
		imports: []string{"job", "store", "store/sqlite", "bitmovin", "bitmovin/simulator", "dispatcher", "internal/clock", "internal/forecast"},
		is:      "Runs the dispatcher through a list of jobs in simulated time, to say how long the list will take.",
	},
	{
		pkg: "examples",
		is:  "Lists and clients to try Stoker with.",
	},
	{
		pkg: "internal/demo", imports: []string{"job", "bitmovin/simulator", "gen/stoker/v1", "client", "examples"}, uses: []string{protobuf, xsync},
		is: "What there is to see without an account: platforms on which some encodings fail, and a service in the middle of its work.",
	},
	{
		pkg: "examples/receivers/go", uses: []string{standardWebhooks},
		is: "An example of a program that receives notifications.",
	},
	{
		pkg: "internal/output", imports: []string{"job", "internal/spelling"},
		uses: []string{
			protobuf, yaml, "github.com/charmbracelet/x/ansi", "github.com/itchyny/gojq", "golang.org/x/term",
		},
		is: "Prints listings and single things in the chosen format: tables that fit the terminal, tabs, JSON, YAML, CSV.",
	},
	{
		pkg: "internal/ui", imports: []string{"gen/stoker/v1", "internal/output"},
		uses: []string{
			protobuf, "charm.land/bubbletea/v2", "github.com/charmbracelet/x/ansi",
		},
		is: "What the messages of the contract look like: columns, explanations, the screen and the log of a watched batch.",
	},
	{
		pkg: "internal/transport", imports: []string{"internal/access"}, uses: []string{grpc, "golang.org/x/time"},
		is: "How connections arrive: listeners, TLS whose files are taken up anew, limits that hold before anybody is known.",
	},
	{
		pkg: "internal/metrics", imports: []string{"job", "internal/notification", "bitmovin", "store", "internal/housekeeping", "dispatcher", "notifier", "server"},
		uses: []string{grpc, "github.com/prometheus/client_golang", "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"},
		is:   "Collects what /metrics tells.",
	},
	{
		pkg: "internal/tracing", imports: []string{"job"}, uses: []string{grpc, otel, "go.opentelemetry.io/contrib"},
		is: "Exports traces of calls, and of what is done for jobs, to a collector.",
	},
	{
		pkg: "internal/service", everything: true, uses: []string{grpc, xsync, "golang.org/x/time"},
		is: "Wires the parts into one service, with a simulator behind it if asked.",
	},
	{
		pkg: "cmd/stoker", everything: true, uses: []string{grpc, protobuf, "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/crypto"},
		is: "The command line.",
	},

	// What only tests import.
	{
		pkg: "store/storetest", imports: []string{"job", "internal/access", "internal/notification", "store"}, uses: []string{gocmp}, testSupport: true,
		is: "The suite that every job table has to pass.",
	},
	{
		pkg: "internal/testkit/bubble", testSupport: true,
		is: "Runs tests in simulated time (testing/synctest), under the race detector too.",
	},
	{
		pkg: "internal/testkit/certs", testSupport: true,
		is: "Makes certificates: CAs, servers and clients.",
	},
	{
		pkg: "internal/testkit/gobuild", testSupport: true,
		is: "Builds programs of this module for tests that run them as processes.",
	},
	{
		pkg: "internal/testkit/golden", uses: []string{gocmp}, testSupport: true,
		is: "Compares a test's output with a file.",
	},
	{
		pkg: "internal/testkit/grpcurl", testSupport: true,
		is: "Builds the pinned grpcurl.",
	},
	{
		pkg: "internal/testkit/history", imports: []string{"gen/stoker/v1"}, testSupport: true,
		is: "Judges a watch by the messages that the watcher received.",
	},
	{
		pkg: "internal/testkit/hostile", imports: []string{"job"}, uses: []string{protobuf}, testSupport: true,
		is: "Puts text that would do harm on a terminal into messages, and finds the harm.",
	},
	{
		pkg: "internal/testkit/jobtable", imports: []string{"store", "store/sqlite"}, uses: []string{sql}, testSupport: true,
		is: "Opens job tables quickly: a new one is a copy of an empty one.",
	},
	{
		pkg: "internal/testkit/loopback", testSupport: true,
		is: "Finds free addresses for test servers.",
	},
	{
		pkg: "internal/testkit/middlebox", uses: []string{"golang.org/x/net"}, testSupport: true,
		is: "A proxy that breaks gRPC calls in chosen ways.",
	},
	{
		pkg: "internal/testkit/relay", testSupport: true,
		is: "Relays TCP connections to a server, and cuts or freezes them.",
	},
	{
		pkg: "internal/testkit/lockedbuffer", testSupport: true,
		is: "A buffer for logs that are read while they are written.",
	},
	{
		pkg: "internal/testkit/pgserver", imports: []string{"internal/testkit/loopback"}, uses: []string{pgx}, testSupport: true,
		is: "Runs PostgreSQL servers, with a database for each test, and standbys.",
	},
	{
		pkg: "internal/testkit/platform", imports: []string{"bitmovin/simulator"}, testSupport: true,
		is: "Serves a simulated platform, with the environment of a service on it.",
	},
	{
		pkg: "internal/testkit/night", imports: []string{"gen/stoker/v1"}, uses: []string{protobuf}, testSupport: true,
		is: "The messages of a server with much to do, at a fixed time.",
	},
	{
		pkg: "internal/testkit/oldtable", imports: []string{"bitmovin/simulator"}, testSupport: true,
		is: "Job tables that earlier versions have written, with the platform that they worked with.",
	},
	{
		pkg: "internal/testkit/sample", imports: []string{"gen/stoker/v1"}, uses: []string{protobuf}, testSupport: true,
		is: "A batch and its jobs as the API has them, and a template with a secret.",
	},
	{
		pkg: "internal/testkit/spans", uses: []string{grpc, "go.opentelemetry.io/proto/otlp"}, testSupport: true,
		is: "Collects the spans of traces.",
	},
	{
		pkg: "internal/testkit/terminal", uses: []string{"github.com/creack/pty"}, testSupport: true,
		is: "Runs programs on a terminal, and reads and types as a person does.",
	},
	{
		pkg: "internal/testkit/transcript", testSupport: true,
		is: "Keeps what a test shows to people.",
	},
	{
		pkg: "internal/archtest", testSupport: true,
		is: "The rules of this table, and what else holds for every package.",
	},
	{
		pkg: "internal/attack", testSupport: true,
		is: "Attacks the service, and holds it to what an attack may cost.",
	},
	{
		pkg: "internal/browser", testSupport: true,
		is: "Tests the page in a real browser against a service in the same process.",
	},
	{
		pkg: "internal/clients", testSupport: true,
		is: "Runs the Go client and the example clients against a service that is killed.",
	},
	{
		pkg: "internal/docstest", testSupport: true,
		is: "Runs the commands that README, tour and cookbook show.",
	},
	{
		pkg: "internal/jssdk", testSupport: true,
		is: "Runs the official JavaScript SDK against the simulator.",
	},
}

// sql is the standard library's, and guarded: SQL has one home.
const sql = "database/sql"

// guarded lists the packages of the standard library that a package may import only if its line says so.
var guarded = []string{sql}

// testModules lists the modules that tests may import although no package uses them.
var testModules = []string{
	gocmp, "golang.org/x/net", "modernc.org/libc", "pgregory.net/rapid",
	"github.com/invopop/jsonschema", "github.com/santhosh-tekuri/jsonschema/v6", // make and check the schema of the configuration
}

// coined lists words that this code once made up, each with the word of the trade to say instead. They
// name no identifier and no file, and stand in no comment.
var coined = map[string]string{
	"aside":     "skipped, or a verb such as defer",
	"bell":      "wakeup",
	"gust":      "FaultRate",
	"hungry":    "starving",
	"hush":      "stop listening",
	"janitor":   "batchCanceller, or housekeeping",
	"orphanage": "OrphanStore",
	"outlook":   "estimate",
	"storm":     "FaultPlan",
	"swept":     "reconciled",
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
