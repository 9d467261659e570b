package server

import (
	"context"
	"fmt"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/job"
)

// ListReplicas lists the processes that work on the job table.
func (s *accountService) ListReplicas(ctx context.Context, _ *stokerv1.ListReplicasRequest) (*stokerv1.ListReplicasResponse, error) {
	list, err := s.store().Replicas(ctx)
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	return &stokerv1.ListReplicasResponse{Replicas: mapSlice(list, replicaMessage)}, nil
}

func replicaMessage(r job.Replica) *stokerv1.Replica {
	return &stokerv1.Replica{
		Address: r.Address, Version: r.Version, StartTime: timestamp(r.Since), Answering: r.Self,
		Terms: mapSlice(r.Terms, func(t job.ReplicaTerm) *stokerv1.ReplicaTerm {
			return &stokerv1.ReplicaTerm{AccountId: t.AccountID, Since: timestamp(t.Since), Epoch: t.Epoch}
		}),
	}
}
