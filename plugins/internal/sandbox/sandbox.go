package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// Sandbox is a network for one run of one program. Make one with [New], and start the command that [Sandbox.Command]
// gives. All methods may be called concurrently.
type Sandbox struct {
	cfg  Config
	term *terminator
	done chan struct{}

	mu      sync.Mutex
	control *net.UnixConn // nil before Command
	closed  bool
	running bool // the program was started
	err     error
}

// New makes a sandbox, and finds out whether the kernel lets its program have one. The error says what the kernel
// refused, and what to do about it: see [Error].
func New(cfg Config) (*Sandbox, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, &Error{Op: "settings", Err: err}
	}
	if err := try(); err != nil {
		return nil, err
	}
	return &Sandbox{cfg: cfg, done: make(chan struct{})}, nil
}

// Command prepares the program's start: the command runs path, which is looked up as by [exec.Command], with the
// arguments given, in the sandbox. Whoever starts it may set its standard files, Env, Dir and WaitDelay, and must close
// its ExtraFiles after Start, whether that has succeeded or not: by their end the sandbox knows of its program's. Its
// process is PID 1 of the sandbox, so to kill that kills all of it; its status is the program's, 128 and the number of
// the signal where one has ended it. (Its Path is this executable: go-plugin's SecureConfig
// would not look at the program.)
//
// A sandbox has one command. Published ports are announced from here on; the error of that is the network's.
func (s *Sandbox) Command(path string, args ...string) (*exec.Cmd, error) {
	program, err := lookUp(path)
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, &Error{Op: "start", Err: os.ErrClosed}
	case s.control != nil:
		return nil, &Error{Op: "start", Err: errors.New("a sandbox is for one command: make another one")}
	}
	term, err := newTerminator(&s.cfg)
	if err != nil {
		return nil, err
	}
	control, theirs, err := newControl()
	if err == nil {
		if err = send(control, newOrder(&s.cfg), -1); err != nil {
			control.Close()
			theirs.Close()
		}
	}
	if err != nil {
		term.close()
		return nil, &Error{Op: "settings", Err: err}
	}
	s.control, s.term = control, term
	go s.watch(control)
	cmd := initCommand(theirs, append([]string{program, path}, args...)...)
	cmd.ExtraFiles = append(cmd.ExtraFiles, s.cfg.Files...)
	return cmd, nil
}

// lookUp finds the program's file: PID 1 must not search for it, as it may have another PATH.
func lookUp(path string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(found)
}

// newOrder is what PID 1 is to set up.
func newOrder(cfg *Config) *order {
	return &order{Address: cfg.Address, MTU: cfg.MTU, Private: private(), Files: etcFiles(cfg), Hide: cfg.Hide,
		Scratch: cfg.Scratch, Inherit: len(cfg.Files)}
}

// watch listens to PID 1 until that is gone, and then ends what the sandbox has.
func (s *Sandbox) watch(control *net.UnixConn) {
	defer close(s.done)
	for {
		var r report
		file, err := receive(control, &r)
		if err == nil {
			err = s.hear(control, &r, file)
		}
		if err != nil {
			s.ended(err)
			break
		}
	}
	control.Close()
	s.term.close()
}

// hear takes a report in.
func (s *Sandbox) hear(control *net.UnixConn, r *report, device *os.File) error {
	if r.Device == "" && device != nil {
		device.Close()
	}
	switch {
	case r.Failed != nil:
		return r.Failed.error()
	case r.Device != "":
		if device == nil {
			return errCut
		}
		if err := s.term.attach(device, r.MTU); err != nil {
			return &Error{Op: "attach " + r.Device, Err: err}
		}
		return send(control, &order{Go: true}, -1)
	case r.Started != 0:
		s.mu.Lock()
		s.running = true
		s.mu.Unlock()
		s.cfg.Logger.Info("program started in a sandbox", "address", s.cfg.Address)
	case r.Ended:
		s.cfg.Logger.Info("program in a sandbox ended", "address", s.cfg.Address, "status", describe(r.Status))
		return io.EOF
	}
	return nil
}

// describe is a status for people.
func describe(ws syscall.WaitStatus) string {
	switch {
	case ws.Signaled() && ws.Signal() == syscall.SIGSYS:
		return fmt.Sprintf("%v: it isn't for this machine's architecture", ws.Signal())
	case ws.Signaled():
		return ws.Signal().String()
	}
	return fmt.Sprint(ws.ExitStatus())
}

// errNotStarted says that PID 1 was killed, or never came to be.
var errNotStarted = errors.New("it ended before its program was started")

// ended notes why nothing is heard of PID 1 any more.
func (s *Sandbox) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.running && errors.Is(err, io.EOF):
		return
	case errors.Is(err, io.EOF):
		err = errNotStarted
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		err = &Error{Op: "start", Err: err}
	}
	s.err = err
	s.cfg.Logger.Error("sandbox failed", "address", s.cfg.Address, "error", err)
}

// Done is closed when the sandbox has ended and nothing of it is left: connections, goroutines, descriptors.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Err says why the program could not be started, or why its sandbox has failed later; nil where neither is so. How the
// program itself has ended, its command says.
func (s *Sandbox) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the program with all that it has started, and its connections, which are reset. The command is its
// starter's to wait for. A second call does nothing.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	control := s.control
	if control == nil && !s.closed {
		close(s.done) // there was no command
	}
	s.closed = true
	s.mu.Unlock()
	if control != nil {
		control.Close() // PID 1 ends when it sees that
	}
	<-s.done
	return nil
}
