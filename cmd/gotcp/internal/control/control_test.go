package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// asClient is set where the test binary is to be a process that a supervisor has started: it connects to the socket.
const asClient = "GOTCP_TEST_CONTROL_CLIENT"

func TestMain(m *testing.M) {
	if path := os.Getenv(asClient); path != "" {
		c, err := newClient(path).Plugins(context.Background())
		fmt.Println(len(c), err != nil)
		return
	}
	os.Exit(m.Run())
}

// fake is a supervisor of one plugin, web.
type fake struct {
	more     chan plugins.LogRecord
	done     chan struct{}
	events   chan plugins.Event
	stopping func(ctx context.Context) error

	mu        sync.Mutex
	changes   []Change
	sample    time.Duration
	cancelled chan struct{} // closed when nobody follows any more
}

func newFake() *fake {
	return &fake{
		more: make(chan plugins.LogRecord, 1), done: make(chan struct{}), events: make(chan plugins.Event),
		cancelled: make(chan struct{}),
	}
}

func (f *fake) find(name string) error {
	if name != "web" {
		return fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return nil
}

func (f *fake) Plugins() []Plugin {
	return []Plugin{{Name: "web", Kinds: []string{"service"}, PID: 5, State: plugins.Running, Since: someTime}}
}

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fake) Inspect(_ context.Context, name string) (*Detail, error) {
	return &Detail{Plugin: f.Plugins()[0], Conns: []Conn{{ID: 7, Op: "dial"}}}, f.find(name)
}

func (f *fake) Change(name string, c Change) (*Net, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, c)
	if c.Kill && c.Revive {
		return nil, mistakef("leave one out")
	}
	return &Net{Off: c.Kill}, f.find(name)
}

func (f *fake) Stop(ctx context.Context, name string) error {
	if err := f.find(name); err != nil {
		return err
	}
	return f.stopping(ctx)
}

func (f *fake) Logs(name string) (*Log, error) {
	kept := []plugins.LogRecord{{Time: someTime, Level: slog.LevelWarn, Text: "kept"}}
	return &Log{kept, f.more, f.done, func() { close(f.cancelled) }}, f.find(name)
}

func (f *fake) Events(name string, o plugins.EventOptions) (<-chan plugins.Event, func(), error) {
	f.sample = o.Sample
	return f.events, func() { close(f.cancelled) }, f.find(name)
}

// shortDir makes a directory. The path of t.TempDir may be too long for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gotcp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serveFake serves a fake supervisor to this process, too.
func serveFake(t *testing.T) (*fake, *Server, *Client) {
	t.Helper()
	ln, path, err := listen(shortDir(t))
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	s := serve(ln, path, f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { s.Close() })
	return f, s, newClient(s.path)
}

// TestAsk: what the supervisor says arrives as it was said.
func TestAsk(t *testing.T) {
	f, _, c := serveFake(t)
	list, err := c.Plugins(t.Context())
	if err != nil || !reflect.DeepEqual(list, f.Plugins()) {
		t.Errorf("%+v, %v; want %+v", list, err, f.Plugins())
	}
	d, err := c.Inspect(t.Context(), "web")
	if want, _ := f.Inspect(t.Context(), "web"); err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, %v; want %+v", d, err, want)
	}
	impair := "loss=1%"
	change := Change{
		Allow: guard.MustParseRules("tcp *.example.org:80,443"), Remove: guard.MustParseRules("tcp *.example.org:80,443"), Kill: true, Impair: &impair,
		Quota: []plugincfg.Setting{{Key: "conns", Value: "5"}},
	}
	n, err := c.Change(t.Context(), "web", change)
	if err != nil || !n.Off || !reflect.DeepEqual(f.changes[0], change) {
		t.Errorf("%+v, %v, %+v; want %+v", n, err, f.changes, change)
	}
	killed := make(chan bool, 1)
	f.stopping = func(ctx context.Context) error {
		killed <- ctx.Err() != nil
		return nil
	}
	for _, kill := range []bool{false, true} {
		if err := c.Stop(t.Context(), "web", kill); err != nil || <-killed != kill {
			t.Errorf("stop, kill %v: %v", kill, err)
		}
	}
}

// TestAskWrongly: the error is the supervisor's, and says that there is no such plugin where that is so.
func TestAskWrongly(t *testing.T) {
	_, s, c := serveFake(t)
	_, inspected := c.Inspect(t.Context(), "w/b?")
	_, changed := c.Change(t.Context(), "ftp", Change{})
	for what, err := range map[string]error{
		"inspect": inspected, "change": changed, "stop": c.Stop(t.Context(), "ftp", false),
		"logs":   c.Logs(t.Context(), "ftp", false, nil),
		"events": c.Events(t.Context(), "ftp", 0, nil),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v; want ErrNotFound", what, err)
		}
	}
	_, err := c.Change(t.Context(), "web", Change{Kill: true, Revive: true})
	if err == nil || err.Error() != "leave one out" {
		t.Errorf("%v; want the supervisor's words", err)
	}
	for body, want := range map[string]string{
		`{"alow": []}`: "unknown field", `{"allow": ["a b c"]}`: "it isn't [tcp|udp ]HOST[:PORTS]",
		`{`: "unexpected EOF", `{"impair": "` + strings.Repeat("x", maxBody) + `"}`: "too large",
	} {
		req, err := http.NewRequest(http.MethodPatch, "http://gotcp/plugins/web/net", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), want) {
			t.Errorf("%.20s: %s %s; want %q", body, resp.Status, text, want)
		}
	}
	s.Close()
	if _, err := c.Plugins(t.Context()); err == nil || !strings.Contains(err.Error(), "the supervisor at "+s.path) {
		t.Errorf("%v; want to be told who isn't there", err)
	}
}

// TestLogs: what is kept comes first, then what is logged, to the end.
func TestLogs(t *testing.T) {
	f, _, c := serveFake(t)
	var got []string
	each := func(l LogLine) error {
		got = append(got, l.Text)
		switch l.Text {
		case "kept":
			f.more <- plugins.LogRecord{Text: "first"}
		case "first":
			f.more <- plugins.LogRecord{Text: "last"} // is told, though the plugin ends
			close(f.done)
		}
		return nil
	}
	if err := c.Logs(t.Context(), "web", true, each); err != nil || strings.Join(got, " ") != "kept first last" {
		t.Errorf("%q, %v", got, err)
	}
	<-f.cancelled
	line := LogLine{someTime, slog.LevelWarn, "kept"}
	if want := "2026-01-02 03:04:05 WARN  kept"; line.String() != want {
		t.Errorf("%q; want %q", line, want)
	}
	if text, _ := json.Marshal(line); string(text) != `{"time":"2026-01-02T03:04:05Z","level":"WARN","text":"kept"}` {
		t.Errorf("a line is %s", text)
	}
}

// TestLogsEnd: what is still logged when the plugin has ended is told, and doesn't keep the answer from ending.
func TestLogsEnd(t *testing.T) {
	for range 20 {
		f, _, c := serveFake(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := c.Logs(ctx, "web", true, func(l LogLine) error {
			if l.Text == "kept" {
				close(f.done)
				f.more <- plugins.LogRecord{Text: "late"}
			}
			return nil
		})
		cancel()
		if err != nil {
			t.Fatalf("%v; want an orderly end", err)
		}
	}
}

// TestKeptLogs: who doesn't follow gets what is kept.
func TestKeptLogs(t *testing.T) {
	_, _, c := serveFake(t)
	n := 0
	if err := c.Logs(t.Context(), "web", false, func(LogLine) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d lines, %v; want 1", n, err)
	}
}

// TestEvents: they come until the client has enough; the supervisor's plugins are followed no more then.
func TestEvents(t *testing.T) {
	f, _, c := serveFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { f.events <- plugins.Event{Plugin: "web", Kind: plugins.EventOpened, Conn: 3} }()
	err := c.Events(ctx, "web", 2*time.Second, func(e plugins.Event) error {
		if e.Conn != 3 || e.Kind != plugins.EventOpened {
			t.Errorf("%+v", e)
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want that it was cancelled", err)
	}
	<-f.cancelled
	if f.sample != 2*time.Second {
		t.Errorf("the sample is %v; want what was asked for", f.sample)
	}
}

// TestCloseEndsStreams: the end of a supervisor isn't held up by who follows.
func TestCloseEndsStreams(t *testing.T) {
	f, s, c := serveFake(t)
	ended := make(chan error, 1)
	go func() { ended <- c.Logs(t.Context(), "web", true, func(LogLine) error { go s.Close(); return nil }) }()
	if err := <-ended; err != nil {
		t.Errorf("%v; want an orderly end", err)
	}
	<-f.cancelled
}

// TestSocket: it is its user's alone, there while it is served, and found; those of the dead are removed.
func TestSocket(t *testing.T) {
	_, s, _ := serveFake(t)
	info, err := os.Stat(s.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a socket of mode 0600", info, err)
	}
	dir := filepath.Dir(s.path)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "1-2.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	found, err := Find(dir)
	if err != nil || len(found) != 1 || found[0].path != s.path {
		t.Errorf("%v, %v; want one, at %s", found, err, s.path)
	}
	if names, _ := sockets(dir); len(names) != 1 {
		t.Errorf("%v: want that the dead one was removed", names)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("%v, %v are left", names, err)
	}
	if _, err := Serve(filepath.Join(dir, strings.Repeat("x", 100)), newFake(), slog.Default()); err == nil ||
		!strings.Contains(err.Error(), "too long for a socket: set GOTCP_RUNTIME_DIR") {
		t.Errorf("%v; want what to do about a long path", err)
	}
}

// TestDescendants: a process that the supervisor has started gets nowhere.
func TestDescendants(t *testing.T) {
	s, err := Serve(shortDir(t), newFake(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := newClient(s.path).Plugins(t.Context()); err == nil {
		t.Fatal("the supervisor itself is let in") // and so are its children, by the same rule
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), asClient+"="+s.path)
	if out, err := cmd.Output(); err != nil || string(out) != "0 true\n" {
		t.Errorf("%q, %v; want an error", out, err)
	}
	for _, c := range []struct {
		pid, from int
		own       bool
	}{
		{os.Getpid(), os.Getpid(), true}, {os.Getpid(), os.Getppid(), true}, {os.Getppid(), os.Getpid(), false},
		{0, os.Getpid(), false}, {1, os.Getpid(), false},
	} {
		if err := strange(c.pid, c.from); (err == errOwnChild) != c.own || !c.own && err != nil {
			t.Errorf("%d from %d: %v; want own: %v", c.pid, c.from, err, c.own)
		}
	}
	if err := strange(1<<22+1, os.Getpid()); err == nil { // no process has such a number
		t.Error("who can't be looked at is let in")
	}
}

// TestDir: the directory is its user's alone, or none.
func TestDir(t *testing.T) {
	runtime, temp := t.TempDir(), t.TempDir()
	if err := os.Chmod(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvDir, "")
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("TMPDIR", temp)
	check := func(want string, wrong ...string) {
		t.Helper()
		dir, err := Dir()
		if len(wrong) > 0 {
			if err == nil || !strings.Contains(err.Error(), wrong[0]) {
				t.Errorf("%s, %v; want %q", dir, err, wrong[0])
			}
			return
		}
		if dir != want || err != nil || owned(dir) != nil {
			t.Errorf("%s, %v; want %s", dir, err, want)
		}
	}
	check(filepath.Join(runtime, "gotcp"))
	check(filepath.Join(runtime, "gotcp")) // which is there now
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(runtime, "none"))
	own := filepath.Join(temp, fmt.Sprint("gotcp-", os.Geteuid()))
	check(own)
	if err := os.Chmod(own, 0o755); err != nil {
		t.Fatal(err)
	}
	check("", "others can enter")
	if err := errors.Join(os.Remove(own), os.Symlink(runtime, own)); err != nil {
		t.Fatal(err)
	}
	check("", "is no directory")
	t.Setenv(EnvDir, filepath.Join(temp, "mine"))
	check(filepath.Join(temp, "mine"))
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(temp, "mine"), 65534, 65534); err == nil { // not in a namespace of one user
			check("", "belongs to somebody else")
		}
	}
}
