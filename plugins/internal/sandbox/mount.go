package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// harmless are the flags of file systems that have neither devices nor programs.
const harmless = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mount changes what the program sees of the file system, in a mount namespace of its own.
func (p *pid1) mount() error {
	// What is mounted outside from now on shows here, but not the other way round.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return os.NewSyscallError("mount /", err)
	}
	if err := replace(p.order.Files); err != nil {
		return err
	}
	// A /proc that knows the processes of the sandbox only. Where a container hides a part of its own the kernel gives
	// no other one; the processes outside can be seen then, which harms nobody.
	err := unix.Mount("proc", "/proc", "proc", harmless, "")
	if err != nil && err != unix.EPERM {
		return os.NewSyscallError("mount /proc", err)
	}
	return nil
}

// replace puts files in the place of others. They lie on a file system in memory, which is mounted where there is a
// directory on all systems, and which is about to be replaced, too.
func replace(files []etcFile) error {
	const dir = "/proc"
	if err := unix.Mount("tmpfs", dir, "tmpfs", harmless, "mode=0755"); err != nil {
		return os.NewSyscallError("mount tmpfs", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH) // the files live on where they are mounted
	for i, f := range files {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
		err := unix.Mount(path, f.Path, "", unix.MS_BIND, "")
		switch {
		case err == unix.ENOENT && f.Needed:
			return fmt.Errorf("mount over %s: %w: there has to be one, to be replaced: sudo touch %[1]s", f.Path, err)
		case err != nil && err != unix.ENOENT:
			return fmt.Errorf("mount over %s: %w", f.Path, err)
		}
	}
	return nil
}

// protect covers the ways out, and the settings that the kernel would let root's user change without a capability.
func (p *pid1) protect() error {
	uid := strconv.Itoa(os.Getuid())
	for _, path := range waysOut {
		path = strings.Replace(path, "$", uid, 1)
		err := unix.Mount(os.DevNull, path, "", unix.MS_BIND, "")
		if err != nil && !absent(err) {
			return fmt.Errorf("mount over %s: %w", path, err)
		}
	}
	for _, dir := range p.order.Hide {
		err := unix.Mount("tmpfs", dir, "tmpfs", harmless, "mode=0700,size=4k")
		if err != nil && !absent(err) {
			return fmt.Errorf("mount over %s: %w", dir, err)
		}
	}
	if uid != "0" {
		return nil
	}
	for _, path := range []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/sys"} {
		if err := readOnly(path); err != nil && !absent(err) {
			return fmt.Errorf("make %s read-only: %w", path, err)
		}
	}
	return nil
}

// absent reports whether the program couldn't reach a file either.
func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES)
}

// readOnly makes a tree read-only.
func readOnly(path string) error {
	if err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	err := unix.MountSetattr(unix.AT_FDCWD, path, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if err != unix.ENOSYS {
		return err
	}
	return unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|harmless, "") // kernels before 5.12
}
