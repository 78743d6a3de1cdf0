package control

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// socketPattern is what sockets are called: the supervisor's process, and some digits, for process numbers come again.
const socketPattern = "%d-%08x.sock"

// sockets are the sockets in a directory.
func sockets(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "*.sock")) }

// listen makes a socket in dir. It has its name only when somebody listens, for who finds a socket without a listener
// removes it.
func listen(dir string) (*net.UnixListener, string, error) {
	path := filepath.Join(dir, fmt.Sprintf(socketPattern, os.Getpid(), rand.Uint32()))
	const mostOctets = 108 // struct sockaddr_un's, its final 0 and the "." below included
	if len(path)+2 > mostOctets {
		return nil, "", fmt.Errorf("the path %s is too long for a socket: set %s to a shorter one", path, EnvDir)
	}
	hidden := filepath.Join(dir, "."+filepath.Base(path))
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, "", err
	}
	ln.SetUnlinkOnClose(false)
	err = os.Chmod(hidden, 0o600)
	if err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		return nil, "", errors.Join(err, ln.Close(), os.Remove(hidden))
	}
	return ln, path, nil
}

// strangers is a listener that accepts from programs only that this process has not started, nor those that it has
// started, and so on. A plugin's process descends from this one, and could say else that it may do everything. One that
// is confined can't leave its descent, for the first process in its namespace takes its orphans.
type strangers struct {
	*net.UnixListener
	log  *slog.Logger
	told *rate.Sometimes // of those who were sent away, who may come without end
}

// Accept implements net.Listener.
func (s strangers) Accept() (net.Conn, error) {
	for {
		c, err := s.UnixListener.AcceptUnix()
		if err != nil {
			return nil, err
		}
		pid, err := peer(c)
		if err == nil {
			err = strange(pid, os.Getpid())
		}
		if err == nil {
			return c, nil
		}
		s.told.Do(func() {
			s.log.Warn("somebody who may not tried to look at, or change, what plugins may do", "pid", pid, "error", err)
		})
		c.Close()
	}
}

// peer is the process that has connected, 0 where it is none that this one's namespace shows.
func peer(c *net.UnixConn) (pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	cerr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(cerr, err); err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}

// errOwnChild says that a process is this one's descendant.
var errOwnChild = errors.New("it is a plugin's process")

// strange returns nil where a process doesn't descend from another one, and an error also where that can't be known.
func strange(pid, from int) error {
	for range 1000 { // deeper than any tree of processes is
		switch pid {
		case 0, 1: // outside of this namespace; its first process
			return nil
		case from:
			return errOwnChild
		}
		parent, err := parentOf(pid)
		if err != nil {
			return err
		}
		pid = parent
	}
	return errors.New("its ancestors are too many")
}

// parentOf is a process's parent.
func parentOf(pid int) (int, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	text := string(stat)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // what is before it can have any form
	if len(f) < 2 {
		return 0, syscall.EINVAL
	}
	return strconv.Atoi(f[1])
}
