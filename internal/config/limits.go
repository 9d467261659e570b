package config

import "reflect"

// Limits limit what callers may do. [Load] fills in the defaults.
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
	// Calls that one caller may make in a second.
	CallsPerSecond int `yaml:"calls_per_second"`
	// Calls that one caller may make at once, after a pause.
	CallBurst int `yaml:"call_burst"`
	// Calls that one caller may have under way, besides watches.
	CallsUnderWay int `yaml:"calls_under_way"`
	// Watches that one caller may hold.
	WatchesPerCaller int `yaml:"watches_per_caller"`
	// Watches that all callers together may hold.
	Watches int `yaml:"watches"`
	// The size of the largest request, in bytes.
	RequestBytes int `yaml:"request_bytes"`
	// What all requests that are being received may take up, in bytes.
	ReceiveBytes int `yaml:"receive_bytes"`
	// What all answers that are being sent may take up, in bytes.
	AnswerBytes int `yaml:"answer_bytes"`
	// Connections of each listener.
	Connections int `yaml:"connections"`
	// Connections of each listener from one address.
	ConnectionsPerAddress int `yaml:"connections_per_address"`
	// TLS handshakes that one address may make in a second, of each listener.
	HandshakesPerSecond int `yaml:"handshakes_per_second"`
	// Jobs of one account that may wait to be started.
	WaitingJobsPerAccount int `yaml:"waiting_jobs_per_account"`
}

// limitRule says what a limit may be.
type limitRule struct {
	key                string // below limits
	least, most, usual int
}

// limitRules returns the rules of all limits, in the order of the fields of limitsNode.
func limitRules() []limitRule {
	return []limitRule{
		{"calls_per_second", 1, 1_000_000, 5_000},
		{"call_burst", 1, 10_000_000, 20_000},
		{"calls_under_way", 1, 100_000, 500},
		{"watches_per_caller", 1, 1_000_000, 1_000},
		{"watches", 1, 1_000_000, 10_000},
		{"request_bytes", 64 << 10, 256 << 20, 32 << 20},
		{"receive_bytes", 64 << 10, 16 << 30, 64 << 20},
		{"answer_bytes", 4 << 20, 16 << 30, 64 << 20},
		{"connections", 1, 1_000_000, 10_000},
		{"connections_per_address", 1, 1_000_000, 2_000},
		{"handshakes_per_second", 1, 1_000_000, 100},
		{"waiting_jobs_per_account", 1, 1_000_000_000, 10_000_000},
	}
}

// loadLimits checks the section limits, and gives the limits that it leaves out their defaults.
func (l *loader) loadLimits() {
	node := &l.file.Limits
	if node.ReceiveBytes != 0 && node.ReceiveBytes < node.RequestBytes {
		l.mistakeAt("limits.receive_bytes", "%d is less than one request may have: want at least request_bytes, %d", node.ReceiveBytes, node.RequestBytes)
	}
	fields := fieldsOf(reflect.ValueOf(node).Elem()).byName
	for _, rule := range limitRules() {
		path, field := "limits."+rule.key, fields[rule.key]
		if !l.yaml.has(path) {
			field.SetInt(int64(rule.usual))
			continue
		}
		if n := int(field.Int()); inRange(n, rule.least, rule.most) != nil {
			l.mistakeAt(path, "%d: %v", n, inRange(n, rule.least, rule.most))
		}
	}
	l.config.Limits = Limits(*node)
}
