package plugins

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
)

// maxHandshake is how long a first line may be, octets. A certificate is in it.
const maxHandshake = 4 << 10

// process is a go-plugin runner around a command. Go-plugin's own would parse whatever the plugin writes to standard
// error, wait for an end of standard output that a child of the plugin may put off for ever, and leave such children.
type process struct {
	cmd       *exec.Cmd
	out, errs *lineWriter // standard output after its first line, and standard error
	dir       string      // in which its socket has to be; "": anywhere
	socket    string      // where it says that is

	stdout    *io.PipeReader  // the first line of standard output, which go-plugin waits for
	handshake *io.PipeWriter  // its other end
	starting  context.Context // whose end kills the process, until started is called
	started   func() bool
	ended     chan struct{} // closed when the process has ended and nothing of it is left
	err       error         // how; valid then
}

var _ runner.Runner = (*process)(nil)

// newProcess prepares a command. What it writes goes to out and errs, but for the first line of standard output.
func newProcess(cmd *exec.Cmd, out, errs *lineWriter) *process {
	p := &process{
		cmd: cmd, out: out, errs: errs, ended: make(chan struct{}),
		starting: context.Background(), started: func() bool { return true },
	}
	p.stdout, p.handshake = io.Pipe()
	cmd.Stderr = errs
	first := true
	cmd.Stdout = &lineWriter{wait: out.wait, line: func(text []byte) {
		if !first {
			out.line(text)
			return
		}
		first = false
		text = text[:min(len(text), maxHandshake)]
		p.handshake.Write(append(bytes.TrimRight(text, "\r\n"), '\n'))
		p.handshake.Close()
	}}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // a Ctrl-C is for the host, which then stops its plugins one by one
	cmd.WaitDelay = time.Second    // for pipes that a runaway child has still open
	return p
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	err := p.cmd.Start()
	for _, f := range p.cmd.ExtraFiles {
		f.Close() // it's the plugin's now, or nobody's
	}
	if err != nil {
		p.err = fmt.Errorf("start %s: %w", p.cmd.Path, err)
		p.handshake.Close()
		close(p.ended)
		return p.err
	}
	go p.reap()
	p.started = context.AfterFunc(p.starting, func() { p.Kill(context.Background()) })
	return nil
}

// reap waits for the process's end, ends its children, and only then lets the kernel give its number to another one.
func (p *process) reap() {
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.err = p.cmd.Wait()
	p.errs.flush()
	close(p.ended)
	p.handshake.Close() // which there may not have been
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	<-p.ended
	return p.err
}

// ownEnd kills the process where it hasn't ended, and says how it has ended by itself; nil where it was killed.
func (p *process) ownEnd() error {
	if p.cmd.Process == nil {
		return nil // it could not be started
	}
	p.Kill(context.Background())
	<-p.ended
	state := p.cmd.ProcessState
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGKILL {
		return nil
	}
	return cmp.Or(p.err, errors.New(state.String()))
}

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error {
	if p.cmd.Process == nil {
		return nil // it could not be started
	}
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements runner.Runner: nothing.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(eof{}) }

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// ID implements runner.Runner.
func (p *process) ID() string {
	if p.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner: both are on one host, so that a plugin has a Unix socket. Other addresses could
// be anybody's, whom the plugin's rules keep it from.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	switch {
	case network != "unix" || !filepath.IsAbs(addr):
		return "", "", fmt.Errorf("the plugin says that it listens on %.20q, %.200q: a plugin here has a Unix socket, and "+
			"says its path", network, addr)
	case p.dir != "" && !strings.HasPrefix(filepath.Clean(addr), p.dir+"/"):
		return "", "", fmt.Errorf("the plugin says that it listens on %.200q, which isn't in %s, as it was told", addr, p.dir)
	}
	p.socket = addr
	return network, addr, nil
}

// removeSocket removes the socket that a plugin has left, which is where it likes where the plugin was made with an old
// go-plugin. One on which somebody listens is another's.
func (p *process) removeSocket() {
	if fi, err := os.Lstat(p.socket); p.socket == "" || err != nil || fi.Mode().Type() != os.ModeSocket {
		return
	}
	c, err := net.Dial("unix", p.socket)
	switch {
	case err == nil:
		c.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		os.Remove(p.socket)
	}
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
