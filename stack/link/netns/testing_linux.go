package netns

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var errOrdinary = errors.New("it runs as an ordinary user, as all tests do that need none")

// RequireRoot is [Require] for a test that becomes another user, which only root can who is so outside, too.
func RequireRoot(t T) {
	t.Helper()
	Require(t)
	if os.Getuid() != 0 || !InInitialUser() {
		Lacks(t, "to be root outside of its namespaces, too", errOrdinary)
	}
}

// ReplaceTUN puts a device node of the given mode in the place of the real one, in the mount namespace of the tests, until
// a test ends: /dev/net/tun as an ordinary user may find it.
func ReplaceTUN(t interface {
	T
	TempDir() string
	Cleanup(func())
}, mode uint32) {
	t.Helper()
	dir := t.TempDir()
	node := filepath.Join(dir, "tun")
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	err := unix.Mknod(node, unix.S_IFCHR|mode, int(unix.Mkdev(10, 200)))
	if err == nil {
		err = os.Chmod(node, os.FileMode(mode))
	}
	if err == nil {
		err = unix.Mount(node, "/dev/net/tun", "", unix.MS_BIND, "")
	}
	if err != nil {
		t.Fatalf("no device node of mode %o: %v", mode, err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/dev/net/tun", unix.MNT_DETACH) })
}
