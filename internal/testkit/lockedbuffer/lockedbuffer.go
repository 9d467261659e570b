// Package lockedbuffer has a buffer for logs that a test reads while the service writes them.
package lockedbuffer

import (
	"bytes"
	"sync"
)

// Buffer is a buffer that several goroutines may write to and read. The zero value is empty.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is what has been written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
