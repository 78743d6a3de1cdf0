package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// namespaces are those that a program gets, but for the user namespace. The IPC namespace takes away with it what the
// program leaves in System V's shared memory.
const namespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC

// kind is a way to namespaces.
type kind int

const (
	undecided kind = iota
	mapped         // with a user namespace, in which each user and group is called what it is outside
	single         // the same, but for this user and its group alone: that takes no privilege
	plain          // without one: for root, where there are none
)

// chosen is the kind that has worked.
var chosen atomic.Int32

// hooked is set where the program has called Init: else it would run itself over and over.
var hooked atomic.Bool

// kinds are those that this user may hope for, the best first.
func kinds() []kind {
	if os.Geteuid() == 0 {
		return []kind{mapped, single, plain}
	}
	return []kind{single}
}

// private reports whether there is a user namespace.
func private() bool { return kind(chosen.Load()) != plain }

// attributes are how a process is started in namespaces of its own.
func (k kind) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: namespaces, Setpgid: true} // a Ctrl-C is for us
	if k == plain {
		return attr
	}
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	// For a user that isn't root capabilities end with exec, unless they are ambient.
	attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	attr.UidMappings, attr.GidMappings = identity("/proc/self/uid_map"), identity("/proc/self/gid_map")
	if k == single {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// identity maps each id that there is here to itself. The file has lines of a first id here, the same outside, and how
// many.
func identity(path string) (l []syscall.SysProcIDMap) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var id, outside, n int
		if _, err := fmt.Sscan(sc.Text(), &id, &outside, &n); err == nil {
			l = append(l, syscall.SysProcIDMap{ContainerID: id, HostID: id, Size: n})
		}
	}
	return l
}

// initCommand is this program as PID 1, which gets the control socket as descriptor 3. Its arguments are the program's
// file, and then its arguments from the zeroth on.
func initCommand(control *os.File, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{initName}, args...)
	cmd.ExtraFiles = []*os.File{control}
	cmd.SysProcAttr = kind(chosen.Load()).attributes()
	return cmd
}

var trying sync.Mutex

// try finds the kind of namespaces that works, by setting one up that is not used. What has worked once is not tried
// again.
func try() error {
	if !hooked.Load() {
		return &Error{Op: "start", Err: fmt.Errorf("this program doesn't call sandbox.Init: " +
			"let that be the first thing in its main function, before flags are looked at")}
	}
	trying.Lock()
	defer trying.Unlock()
	if kind(chosen.Load()) != undecided {
		return nil
	}
	if err := tun.Available(); err != nil {
		return &Error{Op: "find TUN", Err: err}
	}
	var err error
	for i, k := range kinds() {
		e := k.try()
		if e == nil {
			chosen.Store(int32(k))
			return nil
		}
		if i == 0 {
			err = e // which is of the least that one asks for
		}
	}
	return err
}

// try starts a PID 1 that sets everything up and ends.
func (k kind) try() error {
	control, theirs, err := newControl()
	if err != nil {
		return &Error{Op: "start", Err: err}
	}
	defer control.Close()
	cfg := Config{}
	cfg.fill()
	o := &order{Address: tryAddress, MTU: cfg.MTU, Private: k != plain, Try: true, Files: etcFiles(&cfg)}
	err = send(control, o, -1)
	cmd := initCommand(theirs)
	cmd.SysProcAttr = k.attributes()
	var noise strings.Builder
	cmd.Stderr = &noise
	if err == nil {
		err = cmd.Start()
	}
	theirs.Close()
	if err != nil {
		return &Error{Op: "make namespaces", Err: netns.Refused(err)}
	}
	defer cmd.Wait()
	var r report
	device, err := receive(control, &r)
	switch {
	case err == io.EOF:
		cmd.Wait()
		return &Error{Op: "start", Err: fmt.Errorf("%w: %s", errNotStarted, strings.TrimSpace(noise.String()))}
	case err != nil:
		return &Error{Op: "start", Err: err}
	case r.Failed != nil:
		return r.Failed.error()
	case device != nil:
		device.Close()
	}
	return nil
}
