package sqlite

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stokerd/stoker/job"
)

// The statements that run again and again while batches are worked on must find
// their rows through the index named, which holds nothing but what is alive or
// leads to it directly. A plan that walks through jobs grows with finished work;
// one that sorts reads more rows than it gives back.
func TestPlans(t *testing.T) {
	bareLimit := regexp.MustCompile(`LIMIT \$\d+(\s*$|\))`)
	s := mustOpen(t)
	for _, tt := range []struct {
		name, query, index string
		sorts              bool // fewer rows than the answer's limit is worth caring about
	}{
		{"next jobs: batches", dispatchable, "COVERING INDEX batches_dispatch (account=?)", false},
		{"next jobs: ready jobs", readyJobs, "jobs_ready (batch=? AND number>?)", false},
		{"next jobs: jobs after their back-off", dueJobs, "jobs_backoff (batch=? AND next_attempt_time<?)", true},
		{"line: batches", queueShares, "COVERING INDEX batches_dispatch (account=?)", false},
		{"line: jobs that wait out a back-off", queueShares, "COVERING INDEX jobs_backoff (batch=? AND next_attempt_time>?)", false},
		{"ranks: sum of blocks", readySum, "PRIMARY KEY (batch=? AND block>? AND block<?)", false},
		{"ranks: blocks", readyBlocks, "PRIMARY KEY (batch=? AND block>? AND block<?)", false},
		{"ranks: numbers of a block", readyNumbers, "COVERING INDEX jobs_ready (batch=? AND number>? AND number<?)", false},
		{"ranks: jobs after their back-off", dueRetryNumbers, "COVERING INDEX jobs_backoff (batch=? AND next_attempt_time<?)", false},
		{"load: batches", manyHeaders, "INDEX sqlite_autoindex_batches_1 (id=?)", true},
		{"load: jobs", manyJobs, "PRIMARY KEY (batch=? AND number=?)", false},
		{"next due: batches", nextDue, "batches_dispatch (account=?)", false},
		{"next due: jobs", nextDue, "jobs_backoff (batch=? AND next_attempt_time>?)", false},
		{"batches by state", batchesByState, "batches_state (state=? AND seq<?)", false},
		{"in flight", jobsInFlight, "jobs_live", false},
		{"cancelling batches", cancellingBatches, "batches_cancelling", false},
		{"encoding jobs: jobs", encodingJobs, "jobs_encoding (encoding_id=?)", true},
		{"encoding jobs: attempts", encodingJobs, "attempts_encoding (encoding_id=?)", true},
		{"changes", changedJobs, "jobs_revision (batch=? AND revision>?)", false},
		{"jobs by number", jobsByNumber, "PRIMARY KEY (batch=? AND number>?)", false},
		{"jobs by state", jobsByState, "jobs_state (batch=? AND state=? AND number>?)", false},
		{"jobs by key", jobsByKey, "jobs_key (batch=? AND key=? AND number>?)", true},
		{"runs", recentRuns, "INDEX jobs_state (batch=? AND state=?)", false},
		{"jobs that succeeded", succeededJobs, "jobs_succeeded (key=? AND output_path=?)", false},
		{"results of deleted batches", findResults, "PRIMARY KEY (hash=?)", false},
		{"retention: batches that have ended", endedBatches, "COVERING INDEX batches_outcome (state=? AND finish_time<?)", false},
		{"retention: deleted batches by request id", deletedByRequest, "deleted_batches_request (request_id=?)", true},
		{"retention: the next deleted batch", nextDeleted, "INDEX batches_deleted", false},
		{"selection by state", numbersByState, "jobs_state (batch=? AND state=? AND number>?)", false},
		{"selection by cause", numbersByCause, "jobs_cause (batch=? AND cause=? AND state=? AND number>?)", false},
		{"count by cause", countByCause, "jobs_cause (batch=? AND cause=? AND state=? AND number>?)", false},
		{"causes: counts", failureCauses, "COVERING INDEX failure_causes_jobs (batch=?)", false},
		{"recount causes", countedCauses, "COVERING INDEX jobs_cause (batch=?)", false},
		{"causes: first jobs", failureCauses, "COVERING INDEX jobs_cause (batch=? AND cause=? AND state=?)", false},
		{"tokens", tokensAfter, "tokens_change (change>?)", false},
		{"audit log", entriesBefore, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)", false},
		{"due deliveries", dueDeliveries, "deliveries_due (endpoint=? AND next_time<?)", false},
		{"next delivery", nextDelivery, "deliveries_due (endpoint=? AND next_time>?)", false},
		{"deliveries in a state", listDeliveries, "deliveries_state (endpoint=? AND state=? AND seq<?)", false},
		{"oldest deliveries", oldestDeliveries, "deliveries_state (endpoint=? AND state=?)", false},
		{"number of deliveries", countDeliveries, "deliveries_state (endpoint=? AND state=?)", false},
		{"search: batches", searchStatement(&job.Search{}, searchNumbers, descending), "COVERING INDEX batches_list (seq>? AND seq<?)", false},
		{"search: newest", searchStatement(&job.Search{}, searchNumbers, descending), "PRIMARY KEY (batch=? AND number<?)", false},
		{"search: one batch by number", searchStatement(&job.Search{}, searchNumbers, ascending), "PRIMARY KEY (batch=? AND number>?)", false},
		{"search: by state", searchStatement(&job.Search{}, searchStates, descending), "jobs_state (batch=? AND state=? AND number<?)", false},
		{"search: by cause", searchStatement(&job.Search{}, searchCauses, descending), "jobs_cause (batch=? AND cause=? AND state=? AND number<?)", false},
		{"search: by key prefix", searchStatement(&job.Search{}, searchPrefix, descending), "jobs_key (batch=? AND key>? AND key<?)", true},
		{"search: by key", searchStatement(&job.Search{}, searchKeys, descending), "jobs_key (batch=? AND key=? AND number<?)", true},
		{"search: by key prefix, beside what has succeeded: batches", searchStatement(&job.Search{}, searchPrefixOfOthers, descending), "COVERING INDEX batches_state (state=?)", true},
		{"search: by key prefix, beside what has succeeded: jobs", searchStatement(&job.Search{}, searchPrefixOfOthers, descending), "jobs_key (batch=? AND key>? AND key<?)", true},
		{"search: by key, beside what has succeeded", searchStatement(&job.Search{}, searchKeysOfOthers, descending), "jobs_key (batch=? AND key=? AND number<?)", true},
		{"search: succeeded by key prefix", succeededWithPrefix, "COVERING INDEX jobs_succeeded (key>? AND key<?)", false},
		{"search: succeeded by key", succeededWithKeys, "COVERING INDEX jobs_succeeded (key=?)", false},
		{"search: by position", searchStatement(&job.Search{}, searchPosition, descending), "PRIMARY KEY (batch=? AND number=?)", true},
		{"search: by encoding", encodingsText(encodingExactly), "COVERING INDEX jobs_encoding (encoding_id=?)", true},
		{"search: by encoding of an attempt", encodingsText(encodingExactly), "COVERING INDEX attempts_encoding (encoding_id=?)", true},
		{"search: by prefix of an encoding", encodingsText(encodingRange), "COVERING INDEX jobs_encoding (encoding_id>? AND encoding_id<?)", true},
		{"search: by part of an encoding", encodingsText(encodingPart), "COVERING INDEX jobs_encoding (encoding_id>? AND encoding_id<?)", true},
		{"search: texts", textRows(&job.Search{}, descending), "job_texts_1 (batch=? AND first_number<?)", false},
		{"search: texts of one batch", textRows(&job.Search{}, ascending), "job_texts_1 (batch=? AND first_number>?)", false},
		{"batches of a principal", batchesByCreator, "batches_creator (created_by=? AND seq<?)", false},
		{"names of batches of a principal", namesOfCreator, "batches_creator (created_by=? AND seq<?)", false},
		{"number of batches of a principal", countBatchesOfCreator, "batches_creator (created_by=?)", false},
		{"names of batches", namesOfAll, "batches_list (seq<?)", false},
		{"names of batches by prefix of the id", namesOfPrefix, "sqlite_autoindex_batches_1 (id>? AND id<?)", true},
		{"number of batches in a state", countBatchesInState, "COVERING INDEX batches_state (state=?)", false},
		{"orphans", orphansOf, "PRIMARY KEY (account=?)", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if bareLimit.MatchString(tt.query) {
				t.Error("is planned anew for every limit: write LIMIT $1 + 0")
			}
			plan := explain(t, s, tt.query)
			if !strings.Contains(strings.Join(plan, "\n"), tt.index) {
				t.Errorf("no step uses %s", tt.index)
			}
			for _, step := range plan {
				if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "VIRTUAL TABLE") && step != "SCAN CONSTANT ROW" &&
					!strings.HasPrefix(step, "SCAN (subquery") && step != "SCAN f" && // the rows of a search, up to a limit
					!strings.Contains(step, "jobs_live") && !strings.Contains(step, "batches_cancelling") && !strings.Contains(step, "batches_deleted") {
					t.Errorf("walks through a table: %s", step)
				}
				if strings.Contains(step, "TEMP B-TREE") && !tt.sorts {
					t.Errorf("sorts: %s", step)
				}
			}
			if t.Failed() {
				t.Log(strings.Join(plan, "\n"))
			}
		})
	}
}

func explain(t *testing.T, s *table, query string) []string {
	t.Helper()
	var parameters []any
	for n := 1; n <= 21; n++ {
		if strings.Contains(query, fmt.Sprintf("$%d", n)) {
			parameters = make([]any, n)
		}
	}
	scan := func(r row) (step string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &step)
		return step, err
	}
	plan, err := all(t.Context(), s.db.reader, scan, "EXPLAIN QUERY PLAN "+query, parameters...)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
