package foreign

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-plugin"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestTerraformByCommand: the same provider by the command line, as its user has it: started by `gotcp plugin run`, used
// by what that prints, looked at by `gotcp plugin inspect`, and ended by Ctrl-C, which leaves nothing.
func TestTerraformByCommand(t *testing.T) {
	netns.Require(t)
	ln, err := net.Listen("tcp", ":0") // which is there before the TUN device is
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "hello, %s", r.RemoteAddr)
	})}
	go srv.Serve(ln)
	defer srv.Close()
	at := fmt.Sprintf("10.77.0.1:%d", ln.Addr().(*net.TCPAddr).Port)

	command := gotcp.build(t)
	dirs, temp := ownDirs(t)
	env := append(os.Environ(), dirs...)
	run := exec.Command(command, "plugin", "run", "--json", "--name", "http", "--net", "private",
		"--allow", "tcp "+at, "--", provider.build(t))
	run.Env, run.Dir = env, t.TempDir()
	run.Stderr = t.Output()
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer run.Wait()
	defer run.Process.Kill()
	tf := attach(t, announced(t, json.NewDecoder(out)))
	tf.configure()

	if body, complaints := tf.read("http://" + at + "/"); !strings.HasPrefix(body, "hello, 10.77.0.") || len(complaints) > 0 {
		t.Errorf("%q, %+v; want what the server says", body, complaints)
	}
	if _, complaints := tf.read("http://10.77.0.1:1/"); len(complaints) != 1 ||
		!strings.Contains(complaints[0].Summary, "connect: no route to host") {
		t.Errorf("outside of the rules: %+v; want that there is no route to the host", complaints)
	}
	inspect := exec.Command(command, "plugin", "inspect", "http")
	inspect.Env = env
	text, err := inspect.CombinedOutput()
	if want := "gotcp plugin net http --allow 'tcp 10.77.0.1:1'"; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("inspect: %v\n%s\nwant %s", err, text, want)
	}
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); run.ProcessState.ExitCode() != 128+int(syscall.SIGINT) {
		t.Errorf("after Ctrl-C: %v; want 130", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v; want that nothing is left", left, err)
	}
}

// announced is what the command says of how to reattach, once the plugin runs.
func announced(t testing.TB, out *json.Decoder) *plugins.Reattach {
	t.Helper()
	var ready struct {
		Plugins []struct {
			Reattach struct {
				Protocol        plugin.Protocol
				ProtocolVersion int
				Pid             int
				Addr            struct{ Network, String string }
			} `json:"reattach"`
		} `json:"plugins"`
	}
	if err := out.Decode(&ready); err != nil || len(ready.Plugins) != 1 {
		t.Fatalf("%+v, %v; want one plugin", ready, err)
	}
	r := ready.Plugins[0].Reattach
	return &plugins.Reattach{
		Protocol: r.Protocol, ProtocolVersion: r.ProtocolVersion, Pid: r.Pid, Test: true,
		Addr: &net.UnixAddr{Net: r.Addr.Network, Name: r.Addr.String},
	}
}
