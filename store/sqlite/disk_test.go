package sqlite

import (
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk stands between SQLite and the real disk, for tests. It sees what is done
// to the files of a job table, and can have any of it fail.
//
// It is a VFS, SQLite's word for the layer that talks to the operating system:
// a copy of the default one in which a few functions look at the call first.
type disk struct {
	base *sqlite3.Tsqlite3_vfs
	keep []any // C has the addresses of these functions

	mu      sync.Mutex
	hooks   map[string]func(diskAccess) int32 // by the path of the job table
	files   map[uintptr]openFile              // by the address of SQLite's own structure
	methods map[uintptr]uintptr               // ours, by those of the default VFS they stand in for
}

// openFile is what has to be known of an open file to carry out what is asked of it.
type openFile struct {
	path  string
	inner *sqlite3.Tsqlite3_io_methods // those of the default VFS for this kind of file
}

// diskAccess is something SQLite is about to do.
type diskAccess struct {
	op     string // open, read, write, truncate, sync, delete, shm
	file   string // what the path has after that of the job table: "", "-wal", "-journal", ".lock"
	offset int64  // of a write; the size of a truncate
	data   []byte // of a write; only to be used while it is being looked at
}

// installDisk puts the disk in place, once and for all: SQLite has one default VFS.
var installDisk = sync.OnceValue(func() *disk {
	tls := libc.NewTLS()
	defer tls.Close()
	d := &disk{hooks: map[string]func(diskAccess) int32{}, files: map[uintptr]openFile{}, methods: map[uintptr]uintptr{}}
	d.base = as[*sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	at := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*d.base)))
	vfs := as[*sqlite3.Tsqlite3_vfs](at)
	*vfs = *d.base
	vfs.FzName = libc.Xstrdup(tls, d.base.FzName)
	*as[*byte](vfs.FzName) ^= 0x20 // a name of its own: the first letter in the other case
	vfs.FxOpen = callable(d, d.open)
	vfs.FxDelete = callable(d, d.delete)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, at, 1); rc != sqlite3.SQLITE_OK {
		panic("the test disk cannot be registered")
	}
	return d
})

// as reads an address of C as a Go pointer or function.
func as[T any](address uintptr) T { return *(*T)(unsafe.Pointer(&address)) }

// callable is the address under which C calls f.
func callable[F any](d *disk, f F) uintptr {
	d.keep = append(d.keep, f)
	return *(*uintptr)(unsafe.Pointer(&f))
}

// watchDisk calls look before anything is done to the files of the job table at
// path, until the test ends. What look returns is what SQLite gets to hear; with
// SQLITE_OK the call goes on to the real disk.
func watchDisk(t *testing.T, path string, look func(diskAccess) int32) {
	t.Helper()
	d := installDisk()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hooks[path] = look
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.hooks, path)
	})
}

func (d *disk) look(path string, a diskAccess) int32 {
	d.mu.Lock()
	table, suffix := path, ""
	for _, s := range []string{"-wal", "-journal", "-shm", ".lock", ".lock-journal"} {
		if rest, ok := strings.CutSuffix(path, s); ok {
			table, suffix = rest, s
		}
	}
	hook := d.hooks[table]
	d.mu.Unlock()
	if hook == nil {
		return sqlite3.SQLITE_OK
	}
	a.file = suffix
	return hook(a)
}

func (d *disk) file(file uintptr) openFile {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[file]
}

// replace puts our methods in the place of those of an open file. Files of
// different kinds have different ones.
func (d *disk) replace(tls *libc.TLS, file uintptr, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := as[*sqlite3.Tsqlite3_file](file)
	inner := as[*sqlite3.Tsqlite3_io_methods](f.FpMethods)
	if d.methods[f.FpMethods] == 0 {
		ours := *inner
		ours.FxClose = callable(d, d.close)
		ours.FxRead = callable(d, d.read)
		ours.FxWrite = callable(d, d.write)
		ours.FxTruncate = callable(d, d.truncate)
		ours.FxSync = callable(d, d.sync)
		ours.FxShmMap = callable(d, d.shmMap)
		at := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(ours)))
		*as[*sqlite3.Tsqlite3_io_methods](at) = ours
		d.methods[f.FpMethods] = at
	}
	d.files[file] = openFile{path: path, inner: inner}
	f.FpMethods = d.methods[f.FpMethods]
}

func (d *disk) open(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	path := ""
	if name != 0 {
		path = libc.GoString(name)
	}
	if rc := d.look(path, diskAccess{op: "open"}); rc != sqlite3.SQLITE_OK {
		as[*sqlite3.Tsqlite3_file](file).FpMethods = 0
		return rc
	}
	open := as[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](d.base.FxOpen)
	rc := open(tls, vfs, name, file, flags, out)
	if rc == sqlite3.SQLITE_OK {
		d.replace(tls, file, path)
	}
	return rc
}

func (d *disk) delete(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	if rc := d.look(libc.GoString(name), diskAccess{op: "delete"}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return as[func(*libc.TLS, uintptr, uintptr, int32) int32](d.base.FxDelete)(tls, vfs, name, syncDir)
}

func (d *disk) close(tls *libc.TLS, file uintptr) int32 {
	inner := d.file(file).inner
	d.mu.Lock()
	delete(d.files, file)
	d.mu.Unlock()
	return as[func(*libc.TLS, uintptr) int32](inner.FxClose)(tls, file)
}

func (d *disk) read(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	f := d.file(file)
	if rc := d.look(f.path, diskAccess{op: "read", offset: offset}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return as[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.inner.FxRead)(tls, file, buffer, n, offset)
}

func (d *disk) write(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	f := d.file(file)
	data := unsafe.Slice(as[*byte](buffer), n)
	if rc := d.look(f.path, diskAccess{op: "write", offset: offset, data: data}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return as[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.inner.FxWrite)(tls, file, buffer, n, offset)
}

func (d *disk) truncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f := d.file(file)
	if rc := d.look(f.path, diskAccess{op: "truncate", offset: size}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return as[func(*libc.TLS, uintptr, int64) int32](f.inner.FxTruncate)(tls, file, size)
}

func (d *disk) sync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := d.file(file)
	if rc := d.look(f.path, diskAccess{op: "sync"}); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return as[func(*libc.TLS, uintptr, int32) int32](f.inner.FxSync)(tls, file, flags)
}

func (d *disk) shmMap(tls *libc.TLS, file uintptr, page, size, extend int32, out uintptr) int32 {
	f := d.file(file)
	if rc := d.look(f.path, diskAccess{op: "shm"}); rc != sqlite3.SQLITE_OK {
		*as[*uintptr](out) = 0
		return rc
	}
	return as[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](f.inner.FxShmMap)(tls, file, page, size, extend, out)
}
