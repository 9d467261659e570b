package gateway

import (
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// withPacking packs streams by gzip for clients elsewhere that say they take it, which browsers do: the jobs of a batch
// of 100,000 are 30 MB, and 3.5 MB when they are packed.
//
// The first messages of a watch are large, those after them are small and come for hours. A packer takes 800 kB, so a
// stream borrows one for what is large and sends what is small as it is; both are blocks of one gzip file.
func withPacking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !takesGzip(r) || isOnThisMachine(r) {
			next.ServeHTTP(w, r)
			return
		}
		packed := &packedWriter{ResponseWriter: w}
		next.ServeHTTP(packed, r)
		packed.close()
	})
}

// takesGzip reports whether a client takes what is packed by gzip.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, weighted := strings.Cut(weight, "=")
			return !weighted || strings.Trim(q, " 0.") != "" // q=0 means: anything but this
		}
	}
	return false
}

// isOnThisMachine reports whether the client is on this machine, where packing takes longer than it saves. A proxy says
// for whom it asks.
func isOnThisMachine(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

const (
	// minPacked is how many bytes are worth a packer.
	minPacked = 2 << 10
	// maxPending is how many bytes are kept until they are packed or flushed; a stored block has less than 64 KiB.
	maxPending = 32 << 10
)

// gzipHead is the head of a gzip file without a name and a time.
var gzipHead = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// packers are packers to borrow.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a valid one
	}
	return w
}}

// packedWriter writes the body of a stream as one gzip file, and every other answer as it is.
type packedWriter struct {
	http.ResponseWriter
	began   bool // the header has been written
	packs   bool // the answer is a stream
	pending []byte
	packer  *flate.Writer // borrowed; nil: none
	sum     uint32        // CRC-32 of everything
	size    uint32        // of everything, modulo 2^32
	err     error         // of an earlier write
}

// WriteHeader decides whether the answer is a stream.
func (w *packedWriter) WriteHeader(status int) {
	if w.began {
		return
	}
	w.began = true
	h := w.Header()
	media := h.Get("Content-Type")
	if h.Get("Content-Encoding") == "" && (strings.HasPrefix(media, "application/connect+") || media == linesType) {
		w.packs = true
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		h.Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
	if w.packs {
		_, _ = w.send(gzipHead) // keeps its error
	}
}

func (w *packedWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.packs {
		return w.ResponseWriter.Write(p)
	}
	w.sum = crc32.Update(w.sum, crc32.IEEETable, p)
	w.size += uint32(len(p))
	if w.pending = append(w.pending, p...); len(w.pending) >= maxPending {
		w.pack()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Flush sends what has been written.
func (w *packedWriter) Flush() {
	if w.packs {
		if len(w.pending) >= minPacked || w.packer != nil {
			w.pack()
		} else if len(w.pending) > 0 {
			w.store(0)
		}
		w.endPacking()
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that has hung up shows at the next write
}

// pack packs what is pending.
func (w *packedWriter) pack() {
	if w.packer == nil {
		w.packer = packers.Get().(*flate.Writer) //nolint:errcheck // the pool has nothing else
		w.packer.Reset(writerFunc(w.send))
	}
	if _, err := w.packer.Write(w.pending); err != nil {
		w.err = err
	}
	w.pending = w.pending[:0]
}

// endPacking gives the packer back. What it has packed ends at a whole byte, where another block may begin.
func (w *packedWriter) endPacking() {
	if w.packer == nil {
		return
	}
	if err := w.packer.Flush(); err != nil {
		w.err = err
	}
	w.packer.Reset(io.Discard)
	packers.Put(w.packer)
	w.packer = nil
}

// store sends what is pending as a block that is not packed. last is 1 for the last block of the file. Another one is
// followed by an empty block, at which every reader hands on what it has.
func (w *packedWriter) store(last byte) {
	n := uint16(len(w.pending))
	block := binary.LittleEndian.AppendUint16([]byte{last}, n)
	block = append(binary.LittleEndian.AppendUint16(block, ^n), w.pending...)
	if last == 0 {
		block = append(block, 0, 0, 0, 0xff, 0xff)
	}
	_, _ = w.send(block) // keeps its error
	w.pending = w.pending[:0]
	if cap(w.pending) > minPacked {
		w.pending = nil // an idle stream holds little
	}
}

// close ends the file.
func (w *packedWriter) close() {
	if !w.packs {
		return
	}
	w.endPacking()
	w.store(1)
	end := binary.LittleEndian.AppendUint32(nil, w.sum)
	_, _ = w.send(binary.LittleEndian.AppendUint32(end, w.size)) // keeps its error
}

func (w *packedWriter) send(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.ResponseWriter.Write(p)
	w.err = err
	return n, err
}

// Unwrap is for [http.ResponseController].
func (w *packedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// writerFunc is a function as a writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
