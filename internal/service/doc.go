// Package service wires the parts of Stoker into one service: the job table, the accounts with their
// clients of the platform, the dispatcher, the gRPC server, the receiver of webhooks, and the HTTP
// endpoints for health checks and metrics.
//
// No other package connects the parts. The serve command runs a [Service] for a configuration. The demo
// runs a [Simulation]: a service whose platform is a simulator. A test can run either in its own process:
//
//	s, err := service.New(ctx, cfg, log)
//	if err != nil {
//		return err
//	}
//	log.Info("listening", "grpc", s.Address("--listen"), "http", s.Address("--http-listen"))
//	return s.Run(ctx) // until ctx ends
package service
