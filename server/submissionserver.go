package server

import stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"

// submissionServer implements SubmissionService.
type submissionServer struct {
	stokerv1.UnimplementedSubmissionServiceServer
	server *Server
}
