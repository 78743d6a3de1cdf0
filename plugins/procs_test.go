package plugins

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// await waits until ok; what is never so fails the test.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !comes(ok) {
		t.Fatalf("never: %s\n%s", what, stacks())
	}
}

// stacks says what the goroutines are at.
func stacks() string {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// comes waits until ok, and reports whether it ever was.
func comes(ok func() bool) bool {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-again.C:
		case <-late:
			return false
		}
	}
	return true
}

// proc is a process that runs.
type proc struct{ pid, parent, group int }

// procs are the processes that run and that match. Zombies don't: their parents may be beyond our reach.
func procs(match func(p proc) bool) (found []proc) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		text, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		p := proc{}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		state, rest := "", text[bytes.LastIndexByte(text, ')')+1:] // after the name, which may have anything in it
		if n, _ := fmt.Sscan(string(rest), &state, &p.parent, &p.group); n == 3 && state != "Z" && state != "X" && match(p) {
			found = append(found, p)
		}
	}
	return found
}

// hasEnv reports whether a process was started with a variable KEY=VALUE.
func (p proc) hasEnv(variable string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	return err == nil && strings.Contains("\x00"+string(env), "\x00"+variable+"\x00")
}

// space is a process's namespace of process numbers.
func (p proc) space() string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	return name
}

// pidfd is a process that cannot be mistaken for a later one of the same number.
type pidfd int

func openPID(t testing.TB, pid int) pidfd {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1 // it has ended
	}
	return pidfd(fd)
}

// kill kills the process, where it is still there.
func (fd pidfd) kill() {
	if fd >= 0 {
		unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0)
		unix.Close(int(fd))
	}
}

// holdings are what a process has of the system's and of its own, which it must have back when a plugin is gone.
type holdings struct{ fds, goroutines, dirs int }

// held counts. The directory is the one of the host's sockets.
func held(dir string) holdings {
	fds, _ := os.ReadDir("/proc/self/fd")
	dirs, _ := os.ReadDir(dir)
	return holdings{len(fds), runtime.NumGoroutine(), len(dirs)}
}

// within reports whether nothing exceeds what there is of it in most.
func (h holdings) within(most holdings) bool {
	return h.fds <= most.fds && h.goroutines <= most.goroutines && h.dirs <= most.dirs
}
