package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/identity"
	"github.com/stokerd/stoker/job"
)

// Config is the configuration of a [Server].
type Config struct {
	Store  Store       // required
	Access AccessStore // required
	// Notifications and Sender are required together. Default: NotificationService is not served.
	Notifications NotificationStore
	Sender        NotificationSender
	Catalog       Catalog
	// Identifier finds out who calls. Default: everybody is [access.Local].
	Identifier *identity.Identifier
	// AllowInlineTemplates lets submitters use what the API key may use, and not only what the Catalog
	// names: templates that come with a submission, and ids of inputs and outputs at the platform.
	AllowInlineTemplates bool
	// AuditRetention is how long entries of the audit log are kept; 0: for ever.
	AuditRetention time.Duration
	Logger         *slog.Logger // default: discards
	Limits         Limits
	Diagnostics    Diagnostics // default: says nothing
	// TraceParent returns the trace of a call, to be kept with the batch that it submits; empty without one.
	// Nil: no call is traced.
	TraceParent func(context.Context) string
	// BatchURL says where browsers show the batch of a number. Nil: there is no page.
	BatchURL func(number int64) string
}

// Limits limit what callers may do. A caller is a principal or, as long as nobody has proven who calls, an IP
// address. No honest caller meets the defaults.
type Limits struct {
	// CallsPerSecond is how many calls one caller may make a second, and CallBurst how many at once after a
	// pause. Defaults 5,000 and 20,000.
	CallsPerSecond, CallBurst int
	// CallsUnderWay is how many calls one caller may have under way, besides watches. Default 500.
	CallsUnderWay int
	// WatchesPerCaller is how many watches one caller may have at a time. Default 1,000.
	WatchesPerCaller int
	// Watches is how many watches the server may have at a time. Default 10,000.
	Watches int
	// MaxRequestBytes is the size of the largest request, in bytes. Default 32 MiB, enough for
	// 100,000 jobs with paths of ordinary length.
	MaxRequestBytes int
	// ReceiveBytes is how much memory requests may take up while they are received, in bytes, those of all
	// callers together, and half of what they may take up when they are decoded. One caller gets at most
	// half, or as much as one request needs. Requests of up to 64 KiB are not counted. Default 64 MiB.
	ReceiveBytes int
	// AnswerBytes is how much memory answers may take up until they are written, in bytes, those to all
	// callers together, and as much again is for the messages of watches. One caller gets at most half.
	// Answers of up to 4 KiB and messages of up to 32 KiB are not counted. Default 64 MiB.
	AnswerBytes int
	// WaitingJobsPerAccount is how many jobs of one account may wait to be started. Default 10,000,000.
	WaitingJobsPerAccount int
}

// withDefaults returns the limits with defaults for those that are 0.
func (l Limits) withDefaults() Limits {
	return Limits{
		CallsPerSecond:   cmp.Or(l.CallsPerSecond, 5_000),
		CallBurst:        cmp.Or(l.CallBurst, 20_000),
		CallsUnderWay:    cmp.Or(l.CallsUnderWay, 500),
		WatchesPerCaller: cmp.Or(l.WatchesPerCaller, 1_000),
		Watches:          cmp.Or(l.Watches, 10_000),
		MaxRequestBytes:  cmp.Or(l.MaxRequestBytes, 32<<20),
		ReceiveBytes:     cmp.Or(l.ReceiveBytes, 64<<20),
		AnswerBytes:      cmp.Or(l.AnswerBytes, 64<<20),

		WaitingJobsPerAccount: cmp.Or(l.WaitingJobsPerAccount, 10_000_000),
	}
}

// ErrShutdown ends watches when the server shuts down.
var ErrShutdown = errors.New("the server is shutting down")

// Server implements the services of the contract. Use [New].
type Server struct {
	stokerv1.UnimplementedBatchServiceServer

	store        *boundary
	gate         *gate
	audit        *auditLog
	access       *accessService
	diagnostics  Diagnostics
	notification *notificationService    // nil: it is not served
	catalog      atomic.Pointer[Catalog] // replaced by Reconfigure
	log          *slog.Logger
	limits       Limits
	contract     contract
	health       *health.Server
	hub          *hub
	accountLines *accountLines
	lists        *batchLists
	batchURL     func(number int64) string // nil: there is no page
	traceParent  func(context.Context) string
	callers      *callers
	refusedLines *refusedLines // also of gate
	unread       *unreadAnswers
	receiving    *room // for requests on their way in
	decoding     *room // for requests that are being decoded and carried out
	listing      *room // for lists that are being read, and their jobs
	answering    *room // for answers until they are written
	watching     *room // for large messages of watches until they are written
	waiting      *waitingLimit
	summaries    summaries
}

// New makes a server, to be registered by [Server.Register].
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Access == nil {
		return nil, errors.New("server: Store and Access are required")
	}
	methods, err := newMethodTable()
	if err != nil {
		return nil, err
	}
	log := cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Identifier == nil {
		if c.Identifier, err = identity.New(context.Background(), identity.Config{}, c.Access, log); err != nil {
			return nil, err
		}
	}
	audit := &auditLog{store: c.Access, methods: methods, refusals: newRefusals(), retention: c.AuditRetention, log: log}
	contract, err := newContract()
	if err != nil {
		return nil, err
	}
	lines := newRefusedLines()
	s := &Server{
		store:        newBoundary(c.Store, c.AllowInlineTemplates),
		gate:         &gate{identifier: c.Identifier, methods: methods, strangers: newStrangers(), lines: lines, audit: audit, log: log},
		refusedLines: lines,
		audit:        audit,
		access:       &accessService{store: c.Access, identifier: c.Identifier, accounts: c.Store, inlineTemplates: c.AllowInlineTemplates},
		diagnostics:  c.Diagnostics,
		log:          log,
		contract:     contract,
		health:       health.NewServer(),
		accountLines: newAccountLines(c.Store),
		batchURL:     c.BatchURL,
		traceParent:  c.TraceParent,
		limits:       c.Limits.withDefaults(),
	}
	s.catalog.Store(&c.Catalog)
	if s.diagnostics == nil {
		s.diagnostics = noDiagnostics{}
	}
	if s.traceParent == nil {
		s.traceParent = func(context.Context) string { return "" }
	}
	if c.Notifications != nil {
		s.notification = &notificationService{store: &notificationBoundary{store: c.Notifications, accounts: s.store}, sender: c.Sender}
	}
	s.hub = newHub(s.limits)
	s.unread = newUnreadAnswers()
	s.callers = newCallers(s.limits)
	s.receiving = newRoom("receive_bytes", "requests", s.limits.ReceiveBytes, s.limits.MaxRequestBytes)
	s.listing = newRoom("receive_bytes", "lists of jobs", 4*s.limits.ReceiveBytes, maxListMemory)
	s.decoding = newRoom("receive_bytes", "requests", 2*s.limits.ReceiveBytes, 2*s.limits.MaxRequestBytes)
	s.waiting = newWaitingLimit(s.limits.WaitingJobsPerAccount, c.Store.CountWaiting)
	s.answering = newRoom("answer_bytes", "answers", s.limits.AnswerBytes, maxAnswerBytes)
	s.watching = newRoom("answer_bytes", "messages of watches", s.limits.AnswerBytes, maxAnswerBytes)
	s.lists = newBatchLists(s)
	return s, nil
}

// AccountService implements the service of that name over the same job table.
func (s *Server) AccountService() stokerv1.AccountServiceServer { return &accountService{server: s} }

// Register registers the services, health, reflection and channelz with server. server has to be made with
// [Server.Options].
func (s *Server) Register(server *grpc.Server) {
	g := registrar{server, s}
	stokerv1.RegisterBatchServiceServer(g, s)
	stokerv1.RegisterAccountServiceServer(g, s.AccountService())
	stokerv1.RegisterCatalogServiceServer(g, &catalogService{current: &s.catalog})
	stokerv1.RegisterAccessServiceServer(g, s.access)
	stokerv1.RegisterAuditServiceServer(g, s.access)
	stokerv1.RegisterDiagnosticsServiceServer(g, &diagnosticsService{diagnostics: s.diagnostics})
	stokerv1.RegisterSubmissionServiceServer(g, &submissionService{server: s})
	if s.notification != nil {
		stokerv1.RegisterNotificationServiceServer(g, s.notification)
		s.health.SetServingStatus(stokerv1.NotificationService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	}
	for _, name := range []string{
		"", stokerv1.BatchService_ServiceDesc.ServiceName, stokerv1.AccountService_ServiceDesc.ServiceName,
		stokerv1.CatalogService_ServiceDesc.ServiceName, stokerv1.SubmissionService_ServiceDesc.ServiceName,
		stokerv1.AccessService_ServiceDesc.ServiceName, stokerv1.AuditService_ServiceDesc.ServiceName,
		stokerv1.DiagnosticsService_ServiceDesc.ServiceName,
	} {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(g, s.health)
	reflection.Register(g)
	channelz.RegisterChannelzServiceToServer(g)
}

// Run keeps the audit log in order, and counts refused calls in the log, until ctx ends. It returns nil.
func (s *Server) Run(ctx context.Context) error {
	var background sync.WaitGroup
	background.Go(func() { s.audit.run(ctx) })
	background.Go(func() { s.logRefusals(ctx) })
	background.Wait()
	return nil
}

// Changed wakes the watchers of batches that changed. The job table calls it after each commit. It
// does not block. A call for a batch that did not change does no harm.
func (s *Server) Changed(changes []job.Change) {
	for _, c := range changes {
		if c.Everything && c.AccountID == "" {
			s.hub.notifyAll()
			return
		}
		s.hub.notify(c.BatchID)
	}
	if slices.ContainsFunc(changes, func(c job.Change) bool { return c.BatchID != "" }) {
		s.hub.notify(anyBatch)
	}
}

// Watched returns the ids of the batches that are watched.
func (s *Server) Watched() []string { return s.hub.watchedIDs() }

// Shutdown makes health answer NOT_SERVING, and ends present and future watches with UNAVAILABLE and
// the advice to reconnect. Other calls go on.
func (s *Server) Shutdown() {
	s.health.Shutdown()
	s.hub.close(ErrShutdown)
}

// Stop shuts down the server and g. Calls under way on g are cut off if they have not finished after
// the grace period. When Stop returns, no handler runs any more.
func (s *Server) Stop(g *grpc.Server, grace time.Duration) {
	s.Shutdown()
	finished := make(chan struct{})
	go func() {
		g.GracefulStop()
		close(finished)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		s.log.Info("calls cut off at shutdown", "grace", grace)
		g.Stop()
		<-finished
	}
	s.logRefusedCalls()
}
