package libraries

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// program finds a program in PATH or at one of the places that patterns say; "" if it isn't here.
func program(name string, patterns ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, p := range patterns {
		if found, _ := filepath.Glob(filepath.Join(p, name)); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

// daemon runs a program until the test ends or this process dies, and returns when there is somebody to talk to at its
// Unix-domain socket. What it says is shown if the test fails.
func daemon(t *testing.T, attr *syscall.SysProcAttr, socket string, argv ...string) (dial func() (net.Conn, error)) {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "log")
	must(t, err)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, attr
	cmd.Dir = filepath.Dir(socket)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	must(t, cmd.Start())
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGQUIT) // PostgreSQL's immediate shutdown; Redis knows it not, and just ends
		<-exited
		if said, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s said:\n%s", argv[0], said)
		}
		log.Close()
	})
	dial = func() (net.Conn, error) { return net.Dial("unix", socket) }
	for ctx := within(t); ; {
		c, err := dial()
		if err == nil {
			c.Close()
			return dial
		}
		wait(ctx, t, exited, err)
	}
}

// wait is a moment until another try.
func wait(ctx context.Context, t *testing.T, exited chan struct{}, err error) {
	t.Helper()
	select {
	case <-time.After(20 * time.Millisecond):
	case <-exited:
		t.Fatal("it ended at once")
	case <-ctx.Done():
		t.Fatal(err)
	}
}
