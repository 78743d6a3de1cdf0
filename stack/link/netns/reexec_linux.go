package netns

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reexec runs the present program again, as [Enter] says, and returns its exit status: 128 and the number of the signal
// where that ended it, as a shell has it. The error is [ErrForbidden], or that of starting a program.
//
// SIGTERM and SIGHUP are passed on; SIGINT and SIGQUIT, too, unless the program is in the foreground of a terminal,
// which sends them to all in it. When this program dies the other one is killed.
func Reexec() (status int, err error) {
	// The death signal is sent when the thread dies that made the child: it has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	outer, err := ownNS()
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	cmd, err := start(outer)
	if err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if !fromTerminal(s) {
					_ = cmd.Process.Signal(s) // it may just have ended
				}
			case <-ended:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	return statusOf(err)
}

// start starts the child in the best namespaces that the kernel grants.
func start(outer string) (*exec.Cmd, error) {
	kinds := []*syscall.SysProcAttr{userNamespace()}
	if os.Geteuid() == 0 {
		// Real root stays what it is: devices that are root's are within its reach. In a container root may lack the
		// privilege; then it is a user as others are. Unshare, in contrast to clone, makes the mounts private.
		kinds = []*syscall.SysProcAttr{{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}, userNamespace()}
	}
	var err error
	for _, attr := range kinds {
		attr.Pdeathsig = syscall.SIGKILL
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = os.Args
		cmd.Env = append(os.Environ(), marker+"="+outer)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = attr
		if err = cmd.Start(); err == nil {
			return cmd, nil
		}
	}
	return nil, &Error{Err: err, Hint: cloneHint(err)}
}

// userNamespace maps the user to root inside, and nobody else: that takes no privilege.
func userNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

// fromTerminal reports whether the terminal has sent the signal, to the child as well.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// statusOf makes an exit status of what Wait says.
func statusOf(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}
