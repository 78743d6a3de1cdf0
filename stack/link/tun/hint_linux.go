package tun

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const devicePath = "/dev/net/tun"

var errName = errors.New("an interface's name has 1 to 15 octets and no slash or space")

// checkName says whether the kernel would take the name: songgao/water cuts a long one off, and says nothing.
func checkName(name string) error {
	if name == "" || len(name) > 15 || strings.ContainsAny(name, "/ \t\n\x00") {
		return &Error{Op: "open", Name: name, Err: errName}
	}
	return nil
}

// Available says whether the kernel's TUN device can be opened at all: nil, or an [Error] that is [ErrNoTUN]. What
// making an interface takes beyond that, [Open] finds out.
func Available() error {
	fd, err := openNode()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// openNode opens the kernel's TUN device, yet without an interface.
func openNode() (int, error) {
	fd, err := unix.Open(devicePath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, &Error{Op: "open " + devicePath, Err: err, Hint: nodeHint(err), noTUN: true}
	}
	return fd, nil
}

// nodeHint says why the device node can't be opened.
func nodeHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "the kernel's TUN driver isn't there: sudo modprobe tun; start a container with --device " + devicePath
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return "the node is there, but not the driver: sudo modprobe tun"
	case errors.Is(err, syscall.EACCES):
		mode := "that"
		if st, err := os.Stat(devicePath); err == nil {
			mode = fmt.Sprintf("mode %#o", st.Mode().Perm())
		}
		return fmt.Sprintf("user %d may not open it, as it has %s: sudo chmod 0666 %s, which is what most systems have",
			os.Geteuid(), mode, devicePath)
	case errors.Is(err, syscall.EPERM):
		return "a rule for devices forbids it: start the container with --device " + devicePath
	}
	return ""
}

// setHint says why the kernel refuses an interface.
func setHint(cfg *Config, err error) string {
	name := cfg.Name
	if strings.Contains(name, "%") {
		name = "gotcp0"
	}
	_, mtuErr := MTU(cfg.Name)
	exists := mtuErr == nil
	kind, multi := "with one queue", ""
	if cfg.Queues > 1 {
		kind, multi = "with several queues", " multi_queue"
	}
	add := fmt.Sprintf("sudo ip tuntap add dev %s mode tun%s user $USER", name, multi)
	switch {
	case errors.Is(err, syscall.EPERM) && exists:
		return fmt.Sprintf("it belongs to another user: sudo ip tuntap del dev %s mode tun%s && %s", name, multi, add)
	case errors.Is(err, syscall.EPERM):
		return fmt.Sprintf("to make an interface takes CAP_NET_ADMIN: have it made once, by %s && %s; "+
			"or use a network namespace of your own", add, ipCommands(name))
	case errors.Is(err, syscall.EBUSY):
		return "another program has it open: end that, or take another name"
	case errors.Is(err, syscall.EINVAL) && exists:
		return fmt.Sprintf("the interface exists, but not as a TUN device %s: take another name", kind)
	}
	return ""
}
