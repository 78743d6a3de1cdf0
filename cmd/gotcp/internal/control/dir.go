// Package control is how gotcp's commands reach plugins that another run of gotcp looks after: each such supervisor
// serves HTTP with JSON on a socket in a directory that only its user can enter.
//
//	GET   /plugins                     []Plugin
//	GET   /plugins/NAME                Detail
//	GET   /plugins/NAME/logs?follow    LogLine, one a line
//	GET   /plugins/NAME/events?sample  plugins.Event, one a line
//	POST  /plugins/NAME/stop?kill
//	PATCH /plugins/NAME/net            Change; Net
//
// An error is an object with the field error.
package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// EnvDir is the environment variable that names the directory of the sockets. Where it isn't set that is gotcp in
// $XDG_RUNTIME_DIR, or else in the directory for temporary files, gotcp- and the user's number.
const EnvDir = "GOTCP_RUNTIME_DIR"

// Dir is the directory of the sockets, made where there is none. The error says that it isn't its user's alone.
func Dir() (string, error) {
	dir := os.Getenv(EnvDir)
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); dir == "" && owned(runtime) == nil {
		dir = filepath.Join(runtime, "gotcp")
	}
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "gotcp-"+strconv.Itoa(os.Geteuid()))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, owned(dir)
}

// owned says why a directory isn't one that its user alone can enter.
func owned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	who, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory: remove it, or set %s to another one", dir, EnvDir)
	case !ok || int(who.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to somebody else: set %s to a directory of your own", dir, EnvDir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others can enter %s: chmod 700 it, or set %s to another one", dir, EnvDir)
	}
	return nil
}
