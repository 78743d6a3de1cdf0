package sandbox

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// passedOn are the signals that are the program's, when PID 1 gets them.
var passedOn = []os.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// start starts the program, which has lost the privileges of this thread. It is a process of its own and not PID 1
// itself, to which Linux is strange: signals that it has no handler for don't reach it, and it inherits all orphans.
func (p *pid1) start() (pid int, err error) {
	files := []uintptr{0, 1, 2}
	for i := range p.order.Inherit {
		files = append(files, uintptr(controlFD+1+i))
	}
	pid, err = syscall.ForkExec(os.Args[1], os.Args[2:], &syscall.ProcAttr{Env: os.Environ(), Files: files})
	if err != nil {
		return 0, err
	}
	// The standard files are the program's alone: where it closes one, the other end is to notice.
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	for fd := 0; fd <= 2 && err == nil; fd++ {
		err = unix.Dup3(null, fd, 0)
	}
	for i := range p.order.Inherit {
		unix.Close(controlFD + 1 + i)
	}
	return pid, err
}

// supervise waits for the program, and for all whose parents have died, passes signals on, and returns the program's
// status. When PID 1 exits the kernel kills whoever is left.
func (p *pid1) supervise(pid int) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	go func() {
		for s := range signals {
			if n, ok := s.(syscall.Signal); ok {
				_ = syscall.Kill(pid, n) // it may just have ended
			}
		}
	}()
	go func() {
		// Nothing more is said. The end means that the sandbox is closed, or that its process has died.
		if _, err := receive(p.control, &order{}); err == io.EOF {
			p.over.Lock()
			p.exit(failedStatus)
		}
	}()
	_ = send(p.control, &report{Started: pid}, -1) // who doesn't hear it has gone, and so will we
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || got == pid {
			p.over.Lock()
			_ = send(p.control, &report{Ended: true, Status: ws}, -1)
			return status(ws)
		}
	}
}

// status is a shell's of how a process has ended.
func status(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
