package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// initName is argument zero of PID 1, by which it knows that it is.
const initName = "gotcp-sandbox"

// controlFD is where PID 1 has the control socket. The descriptors that it is to hand on follow.
const controlFD = 3

// failedStatus is PID 1's own, where it couldn't start the program: that of programs that start others, such as env(1).
const failedStatus = 125

// Init has to be the first thing in the main function of a program that uses this package, before flags are looked at:
// where this process is PID 1 of a sandbox, Init does its work and doesn't return. Else it does nothing.
func Init() {
	hooked.Store(true)
	if len(os.Args) == 0 || os.Args[0] != initName {
		return
	}
	// Privileges are a thread's: the one that drops them has to be the one that starts the program.
	runtime.LockOSThread()
	control, err := controlConn(os.NewFile(controlFD, "control"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: this is a part of another program, and not to be started by hand\n", initName)
		os.Exit(failedStatus)
	}
	p := pid1{control: control}
	p.exit(p.run())
}

// pid1 is the process in the sandbox that isn't the program's.
type pid1 struct {
	control *net.UnixConn
	order   order
	over    sync.Mutex // locked for good by who decides about the end: the program's, or the sandbox's
}

// run sets the sandbox up, runs the program and returns the status to exit with.
func (p *pid1) run() int {
	if _, err := receive(p.control, &p.order); err != nil {
		return p.fail("settings", err)
	}
	if err := closeOnExec(controlFD); err != nil {
		return p.fail("close descriptors", err)
	}
	if err := p.mount(); err != nil {
		return p.fail("mount", p.explain(err))
	}
	if err := p.network(); err != nil {
		return p.fail("set up the network", p.explain(err))
	}
	if err := p.protect(); err != nil {
		return p.fail("mount", p.explain(err))
	}
	if p.order.Try {
		return 0
	}
	// The sandbox has its stack on the device when it says go, so the program finds a network that works.
	if _, err := receive(p.control, &order{}); err != nil {
		return failedStatus // it was closed
	}
	if err := dropPrivileges(); err != nil {
		return p.fail("drop privileges", err)
	}
	pid, err := p.start()
	if err != nil {
		return p.fail("start "+os.Args[1], err)
	}
	return p.supervise(pid)
}

// exit ends the sandbox: the kernel kills whoever is left in it, when nobody is who could make files any more.
func (p *pid1) exit(status int) {
	_ = syscall.Kill(-1, syscall.SIGKILL)
	for _, dir := range p.order.Scratch {
		_ = os.RemoveAll(dir) // nobody could be told
	}
	os.Exit(status)
}

// fail tells why there is no sandbox: our process, and whoever reads the program's standard error.
func (p *pid1) fail(op string, err error) int {
	f := newFailure(op, err)
	if errors.Is(err, io.EOF) {
		return failedStatus // our process has ended, or given up
	}
	fmt.Fprintln(os.Stderr, f.error())
	_ = send(p.control, &report{Failed: f}, -1) // nobody else could be told
	return failedStatus
}

// explain says where a step was refused that the owner of a user namespace may take.
func (p *pid1) explain(err error) error {
	if p.order.Private && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)) {
		return netns.Powerless(err)
	}
	return err
}

// closeOnExec marks all descriptors from first on: the program gets what it is given by name.
func closeOnExec(first int) error {
	err := unix.CloseRange(uint(first), 1<<31-1, unix.CLOSE_RANGE_CLOEXEC)
	if err != unix.ENOSYS && err != unix.EINVAL {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd") // kernels before 5.11
	for _, e := range open {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return err
}
