// Package service wires the parts of Stoker into one service: the job table, the accounts with their
// clients of the platform, the dispatcher, the gRPC server, the receiver of webhooks, and the HTTP
// endpoints for probes and metrics.
//
// It is the only place that knows how the parts fit together. The serve command runs a service for a
// configuration; the demo runs one with a simulator behind it ([Simulation]); a test can run either in
// its own process:
//
//	s, err := service.New(ctx, cfg, log)
//	if err != nil {
//		return err
//	}
//	log.Info("listening", "grpc", s.GRPCAddress(), "http", s.HTTPAddress())
//	return s.Run(ctx) // until ctx ends
package service
