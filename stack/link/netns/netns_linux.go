package netns

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/gotcp/gotcp/stack/link/tun"
)

// marker is the environment variable by which the child learns that it is one. Its value is the network namespace that
// the parent was in, so that one which was merely inherited, or exported by hand, is no proof.
const marker = "GOTCP_NETNS"

// Inside reports whether this program, or one that started it, was re-executed in a namespace of its own.
func Inside() bool {
	outer := os.Getenv(marker)
	if outer == "" {
		return false
	}
	own, err := ownNS()
	return err == nil && own != outer
}

// ownNS names the network namespace that the program is in.
func ownNS() (string, error) { return os.Readlink("/proc/self/ns/net") }

// InInitialUser reports whether this process is in the initial user namespace, by its map of users: root there is root.
func InInitialUser() bool {
	m, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || strings.Join(strings.Fields(string(m)), " ") == "0 0 4294967295"
}

// Enter moves the program into namespaces of its own, in which it may make TUN devices, addresses and routes, and in
// which lo is up: it runs the program again there, with the same arguments, environment and standard files, and exits
// with that one's status. In the one that runs there Enter returns nil.
//
// It returns an error where that can't be: [ErrForbidden], or [ErrNoTUN] where there would be no TUN device anyway. The
// program then goes on where it is.
func Enter() error {
	if Inside() {
		return inside()
	}
	if err := tun.Available(); err != nil {
		return err
	}
	status, err := Reexec()
	if err != nil {
		return err
	}
	os.Exit(status)
	panic("unreachable")
}

// inside does what is left to do in a new namespace, once, and says whether the namespace is good for anything.
var inside = sync.OnceValue(func() error {
	if err := tun.Available(); err != nil {
		return err
	}
	if err := tun.LoopbackUp(); err != nil {
		return &Error{Err: err, Hint: capsHint()}
	}
	return nil
})

// Error says why there is no namespace of one's own. It is [ErrForbidden].
type Error struct {
	Err  error
	Hint string // what is missing, and the command that helps
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %v (%s)", ErrForbidden, e.Err, e.Hint)
}

// Unwrap gives ErrForbidden and the cause.
func (e *Error) Unwrap() []error { return []error{ErrForbidden, e.Err} }

// setting is one of the kernel's, empty where it has no such one.
func setting(path string) string {
	b, _ := os.ReadFile("/proc/sys/" + path)
	return strings.TrimSpace(string(b))
}

// cloneHint says why the kernel makes no namespaces for this user.
func cloneHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), setting("user/max_user_namespaces") == "0":
		return "user namespaces are switched off: sudo sysctl -w user.max_user_namespaces=10000"
	case setting("kernel/unprivileged_userns_clone") == "0":
		return "user namespaces are for root only: sudo sysctl -w kernel.unprivileged_userns_clone=1"
	case errors.Is(err, syscall.EINVAL):
		return "this kernel has no user namespaces (CONFIG_USER_NS)"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "a security module or a container's seccomp filter forbids user namespaces: run as root, or start the " +
			"container with --cap-add SYS_ADMIN --security-opt seccomp=unconfined"
	}
	return "run as root"
}

// capsHint says why a namespace was made, but is of no use.
func capsHint() string {
	if setting("kernel/apparmor_restrict_unprivileged_userns") == "1" {
		return "AppArmor takes the capabilities of user namespaces away: " +
			"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	}
	return "in the namespace made for it the program has no CAP_NET_ADMIN: a security module takes it away; run as root"
}
