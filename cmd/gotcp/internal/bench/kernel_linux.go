package bench

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func setCongestion(fd int, name string) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name))
}

// PickCongestion finds out which congestion control a TCP socket of the caller's namespace can have: the one wished,
// or the one it has anyway. refused says why it isn't the one wished.
func PickCongestion(wished string) (name string, refused error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if wished != "" {
		if err := setCongestion(fd, wished); err != nil {
			refused = fmt.Errorf("congestion control %s cannot be had: %w", wished, err)
		}
	}
	name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return "", os.NewSyscallError("getsockopt", err)
	}
	return strings.TrimRight(name, "\x00"), refused
}
