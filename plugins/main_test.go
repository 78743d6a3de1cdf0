package plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// envTestPlugin makes a plugin of the test binary, of the kind named.
const envTestPlugin = "GOTCP_TEST_PLUGIN"

func TestMain(m *testing.M) {
	Init()
	if plugins := os.Getenv(envTestHost); plugins != "" {
		os.Exit(beHost(plugins))
	}
	if name := os.Getenv(envTestRaw); name != "" {
		os.Exit(attackRaw(name))
	}
	if kind := os.Getenv(envTestPlugin); kind != "" {
		k, ok := testPlugins[kind]
		if !ok {
			fmt.Fprintf(os.Stderr, "no test plugin is called %q\n", kind)
			os.Exit(2)
		}
		Serve(k...)
	}
	netns.Main(m)
}

// testPlugins are the plugins that the test binary can be.
var testPlugins = map[string][]Kind{
	"web":     {Service(webService)},
	"echo":    {Handler(echoHandler)},
	"watch":   {Observer(logObserver)},
	"both":    {Service(webService), Handler(echoHandler)},
	"failing": {Service(func(context.Context, netapi.Network) error { return errors.New("no fuel") })},
	"done":    {Service(func(context.Context, netapi.Network) error { return nil })},
	"deaf":    {Service(func(context.Context, netapi.Network) error { select {} })},
	"kernel":  {Service(kernelService)},
	"dying":   {Service(func(context.Context, netapi.Network) error { os.Exit(3); return nil })},
}

// webService is an HTTP server whose source doesn't know what network it is on.
func webService(ctx context.Context, n netapi.Network) error {
	ln, err := dialer.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: webHandler()}
	defer context.AfterFunc(ctx, func() { srv.Shutdown(context.Background()) })()
	slog.Info("serving", "address", ln.Addr().String())
	fmt.Println("a line on standard output")
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func webHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "pid %d, you are %s", os.Getpid(), r.RemoteAddr)
	})
	mux.HandleFunc("GET /octets", func(w http.ResponseWriter, r *http.Request) {
		var size int64
		fmt.Sscan(r.FormValue("n"), &size)
		io.CopyN(w, zeros{}, size)
	})
	mux.HandleFunc("GET /dial", func(w http.ResponseWriter, r *http.Request) {
		c, err := dialer.Dial("tcp", r.FormValue("to"))
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		c.Close()
		fmt.Fprint(w, "connected")
	})
	return mux
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func echoHandler(_ context.Context, c net.Conn) {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		fmt.Fprintf(c, "%s from %v\n", lines.Text(), c.RemoteAddr())
	}
}

func logObserver(_ context.Context, e Event) { slog.Info("seen", "event", e.String()) }

// kernelService goes past package dialer, as a plugin that is not to be trusted would.
func kernelService(ctx context.Context, _ netapi.Network) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	_, err = net.DialTimeout("tcp", "192.0.2.1:80", 5*time.Second)
	hidden, _ := os.ReadDir(os.Getenv("GOTCP_TEST_HIDDEN"))
	slog.Info("past the dialer", "error", fmt.Sprint(err), "hidden", fmt.Sprint(hidden))
	<-ctx.Done()
	return nil
}

// hosting is a host, its fabric, and a network of the test's own on that.
type hosting struct {
	*Host
	fabric *Fabric
	net    *Net // may reach everything
	dir    string
	log    *testLog
}

func newHosting(t testing.TB) *hosting {
	t.Helper()
	return newHostingOn(t, newFabric(t))
}

func newHostingOn(t testing.TB, f *Fabric) *hosting {
	t.Helper()
	h := &hosting{fabric: f, dir: t.TempDir(), log: &testLog{}}
	h.Host = NewHost(HostConfig{Logger: slog.New(slog.NewTextHandler(h.log, nil)), Dir: h.dir})
	h.net = newNet(t, h.fabric, "test", anything(t))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(h.dir); len(left) > 0 {
			t.Errorf("%d directories of sockets are left: %v", len(left), left)
		}
		if t.Failed() {
			t.Logf("the host's log:\n%s", h.log)
		}
	})
	return h
}

// spec describes a test plugin with a network of its own that may do everything.
func (h *hosting) spec(t testing.TB, kind string) Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		// The race detector would have each plugin sleep before it exits.
		Name: kind, Command: []string{exe}, Env: []string{envTestPlugin + "=" + kind, "GORACE=atexit_sleep_ms=0"},
		Net: newNet(t, h.fabric, kind, anything(t)),
	}
}

// start starts a plugin as described.
func (h *hosting) start(t testing.TB, s Spec) *Plugin {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := h.Start(ctx, s)
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	return p
}

// get fetches from a plugin's HTTP server.
func (h *hosting) get(t testing.TB, p *Plugin, path string) (string, error) {
	t.Helper()
	client := http.Client{Transport: dialer.HTTPTransport(h.net), Timeout: time.Minute}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + p.Spec().Net.Address.String() + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// testLog keeps what is logged, and lets a test wait for it.
type testLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until text has been logged.
func (l *testLog) await(t testing.TB, text string) {
	t.Helper()
	for {
		l.mu.Lock()
		if strings.Contains(l.text.String(), text) {
			l.mu.Unlock()
			return
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatalf("%q was never logged", text)
		}
	}
}
