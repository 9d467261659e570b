package config

// Limits limit what callers may do. 0 stands for the default.
type Limits struct {
	CallsPerSecond, CallBurst int // of one caller
	CallsUnderWay             int // of one caller, besides watches
	WatchesPerCaller          int
	Watches                   int // of all callers
	RequestBytes              int // of one request
	ReceiveBytes              int // of all requests that are being received
	AnswerBytes               int // of all answers that are being sent
	Connections               int // of each listener
	ConnectionsPerAddress     int // of each listener
	HandshakesPerSecond       int // of one address, where a listener has TLS
	WaitingJobsPerAccount     int
}

// limitsNode is the section limits.
type limitsNode struct {
	CallsPerSecond        int `yaml:"calls_per_second"`
	CallBurst             int `yaml:"call_burst"`
	CallsUnderWay         int `yaml:"calls_under_way"`
	WatchesPerCaller      int `yaml:"watches_per_caller"`
	Watches               int `yaml:"watches"`
	RequestBytes          int `yaml:"request_bytes"`
	ReceiveBytes          int `yaml:"receive_bytes"`
	AnswerBytes           int `yaml:"answer_bytes"`
	Connections           int `yaml:"connections"`
	ConnectionsPerAddress int `yaml:"connections_per_address"`
	HandshakesPerSecond   int `yaml:"handshakes_per_second"`
	WaitingJobsPerAccount int `yaml:"waiting_jobs_per_account"`
}

// loadLimits checks the section limits. A key that is absent leaves the default.
func (l *loader) loadLimits() {
	node := l.file.Limits
	for _, limit := range []struct {
		key         string
		value       int
		least, most int
	}{
		{"calls_per_second", node.CallsPerSecond, 1, 1_000_000},
		{"call_burst", node.CallBurst, 1, 10_000_000},
		{"calls_under_way", node.CallsUnderWay, 1, 100_000},
		{"watches_per_caller", node.WatchesPerCaller, 1, 1_000_000},
		{"watches", node.Watches, 1, 1_000_000},
		{"request_bytes", node.RequestBytes, 64 << 10, 256 << 20},
		{"receive_bytes", node.ReceiveBytes, 64 << 10, 16 << 30},
		{"answer_bytes", node.AnswerBytes, 4 << 20, 16 << 30},
		{"connections", node.Connections, 1, 1_000_000},
		{"connections_per_address", node.ConnectionsPerAddress, 1, 1_000_000},
		{"handshakes_per_second", node.HandshakesPerSecond, 1, 1_000_000},
		{"waiting_jobs_per_account", node.WaitingJobsPerAccount, 1, 1_000_000_000},
	} {
		path := "limits." + limit.key
		if !l.yaml.has(path) {
			continue
		}
		if err := inRange(limit.value, limit.least, limit.most); err != nil {
			l.mistakeAt(path, "%d: %v", limit.value, err)
		}
	}
	if node.ReceiveBytes != 0 && node.ReceiveBytes < node.RequestBytes {
		l.mistakeAt("limits.receive_bytes", "%d is less than one request may have: want at least request_bytes, %d", node.ReceiveBytes, node.RequestBytes)
	}
	l.config.Limits = Limits(node)
}
