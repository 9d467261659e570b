//go:build !unix

package pgserver

import "syscall"

// unprivileged is for systems on which any user may run the server.
func unprivileged(string) (*syscall.SysProcAttr, error) { return nil, nil }
