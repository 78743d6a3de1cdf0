package sandbox_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// resources is what a process has of which nothing may be left behind.
type resources struct{ goroutines, files, processes int }

// now counts them. Processes are those with a network namespace that isn't ours.
func (r *resources) now(t testing.TB) {
	t.Helper()
	r.goroutines = runtime.NumGoroutine()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	r.files = len(files)
	r.processes = len(inNamespaces(t))
}

// inNamespaces lists the children of this process, and theirs, that are in other network namespaces.
func inNamespaces(t testing.TB) (pids []string) {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		ns, err := os.Readlink(filepath.Join(filepath.Dir(path), "ns/net"))
		env, _ := os.ReadFile(path)
		if err == nil && ns != own && bytes.Contains(env, []byte("\x00"+mark+"="+fmt.Sprint(os.Getpid()))) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// settles waits until no more is there than before.
func (r resources) settles(t testing.TB) {
	t.Helper()
	var got resources
	for late := time.Now().Add(patience); ; runtime.Gosched() {
		if got.now(t); got.goroutines <= r.goroutines && got.files <= r.files && got.processes <= r.processes {
			return
		}
		if time.Now().After(late) {
			var stacks bytes.Buffer
			buf := make([]byte, 1<<20)
			stacks.Write(buf[:runtime.Stack(buf, true)])
			t.Fatalf("left behind: %+v, and before there was %+v\n%s", got, r, &stacks)
		}
	}
}

// A program that is killed at any moment, with connections open and children of its own, leaves nothing behind.
func TestKilledAtAnyMoment(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	w.serveUDP(t, "198.51.100.7:80")
	start(t, sandbox.Config{Network: w.near}, "busy", "198.51.100.7:80").end() // what is made once is there from here on
	eventually(t, "the world is quiet", func() bool { return w.near.Stack().Open()+w.far.Stack().Open() == 2 })
	var before resources
	before.now(t)
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		b := prepare(t, sandbox.Config{Network: w.near}, "busy", "198.51.100.7:80")
		b.run()
		// From the first system call of PID 1 to a program at full speed it takes some 30 ms.
		<-time.After(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		b.cmd.Process.Kill()
		io.Copy(io.Discard, b.out) // until the last one that has it open is gone
		b.cmd.Wait()
		select {
		case <-b.Done(): // without Close: it has noticed by itself
		case <-time.After(patience):
			t.Fatal("the sandbox hasn't noticed that its program was killed")
		}
	}
	before.settles(t)
	eventually(t, "no connection is left", func() bool { return w.near.Stack().Open()+w.far.Stack().Open() == 2 })
}

// Close does the same, and ends what the program has started, whoever waits for that.
func TestClose(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	var before resources
	before.now(t)
	for _, as := range []string{"wait", "fork", "busy"} {
		b := start(t, sandbox.Config{Network: w.near}, as, "198.51.100.7:80")
		want(t, as, b.line(), "ready")
		if len(inNamespaces(t)) == 0 {
			t.Errorf("%s: its processes aren't found, so nothing would be known of those left behind", as)
		}
		b.Close()
		// The child of "fork", which is as ready, holds the output open, too.
		if rest, err := io.ReadAll(b.out); err != nil || strings.Trim(string(rest), "ready\n") != "" {
			t.Errorf("%s wrote %q, %v", as, rest, err)
		}
		if got := status(b.cmd.Wait()); got != 125 {
			t.Errorf("%s ended with status %d, want PID 1's own, 125", as, got)
		}
		if err := b.Err(); err != nil {
			t.Errorf("Close makes Err %v", err)
		}
	}
	before.settles(t)
}

// A child that outlives its program goes with it.
func TestChildren(t *testing.T) {
	b := start(t, sandbox.Config{}, "fork")
	want(t, "start", b.line(), "ready")
	b.in.Close() // which ends the program, but not its child
	if got := b.all(); got != "ready\n" && got != "" {
		t.Errorf("the program and its child say %q", got)
	}
	<-b.Done()
}

// A sandbox that is never used leaves nothing either, whatever was done with it.
func TestNeverStarted(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	cfg := sandbox.Config{Network: w.publishing(t), Address: address, Publish: []sandbox.Port{{"tcp", 80}}}
	var before resources
	before.now(t)
	for _, step := range []string{"New", "Command", "Start that fails"} {
		s, err := sandbox.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if step != "New" {
			cmd, err := s.Command("/proc/self/exe")
			if err != nil {
				t.Fatal(err)
			}
			if step == "Start that fails" {
				cmd.Dir = "/no/such/directory"
				if err := cmd.Start(); err == nil {
					t.Fatal("a command starts where there is no directory")
				}
				cmd.ExtraFiles[0].Close()
				<-s.Done() // it has noticed
			}
			cmd.ExtraFiles[0].Close()
		}
		s.Close()
		s.Close()
		<-s.Done()
	}
	before.settles(t)
}

// Sandboxes of one process have nothing to do with each other.
func TestSeveral(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	var before resources
	before.now(t)
	var wg sync.WaitGroup
	for i := range 5 {
		b := start(t, sandbox.Config{Network: w.near}, "talk", "198.51.100.7:80")
		wg.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 100_000)
			io.WriteString(b.in, text)
			b.in.Close()
			want := "from 10.78.0.2 to 198.51.100.7:80\n" + text + "ok\n"
			if got, err := io.ReadAll(b.out); err != nil || string(got) != want {
				t.Errorf("program %d got %d octets of %d, %v, or others", i, len(got), len(want), err)
			}
			b.cmd.Wait()
		})
	}
	wg.Wait()
	before.settles(t)
}

// When our process is killed its sandboxes end.
func TestHostKilled(t *testing.T) {
	netns.Require(t)
	cmd := exec.Command("/proc/self/exe", "fork")
	cmd.Env = append(os.Environ(), role+"=host")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if b := make([]byte, 6); true {
		if _, err := io.ReadFull(r, b); err != nil || string(b) != "ready\n" {
			t.Fatalf("the program says %q, %v", b, err)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	r.SetReadDeadline(time.Now().Add(patience))
	// The pipe ends when the last process that has it open is gone.
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("somebody still has the program's output open: %v", err)
	}
}
