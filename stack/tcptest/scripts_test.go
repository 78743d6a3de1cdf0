package tcptest_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/tcptest"
	"github.com/gotcp/gotcp/stack/tcptest/oracle"
	"github.com/gotcp/gotcp/stack/tcptest/script"
)

var oracleFlag = flag.String("oracle", "quick", `which scripts run on Linux's TCP, too: "quick", "all" or "off"`)

// TestMain gives the scripts that run on Linux a place where they may make network namespaces, and lets more of them
// run at a time than there are processors: they sleep nearly always.
func TestMain(m *testing.M) {
	flag.Parse()
	processors := fmt.Sprint(runtime.GOMAXPROCS(0))
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == processors {
		_ = parallel.Value.Set("16")
	}
	if flag.Lookup("test.fuzz").Value.String() != "" { // whose workers must be the process that was started
		os.Exit(m.Run())
	}
	netns.Main(m)
}

// each runs f for every script, in parallel.
func each(t *testing.T, f func(t *testing.T, s *script.Script)) {
	paths, err := filepath.Glob("testdata/*/*.pkt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".pkt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := script.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f(t, s)
		})
	}
}

// TestScripts runs the scripts on gotcp, in the time of a bubble.
func TestScripts(t *testing.T) {
	each(t, func(t *testing.T, s *script.Script) {
		if err := tcptest.Execute(t, s, tcptest.Gotcp); err != nil {
			t.Error(err)
		}
	})
}

// TestManual runs the scripts on gotcp with a clock that the runner moves, and without goroutines.
func TestManual(t *testing.T) {
	each(t, func(t *testing.T, s *script.Script) {
		if lingers(s) {
			t.Skip("a close that lingers blocks, and the stack has no form of it that doesn't")
		}
		if err := tcptest.Execute(t, s, tcptest.Manual); err != nil {
			t.Error(err)
		}
	})
}

// lingers reports whether a script has a close that blocks.
func lingers(s *script.Script) bool {
	return slices.ContainsFunc(s.Events, func(e script.Event) bool {
		return e.Call != nil && e.Call.Name == "close" && e.Time.Kind == script.Blocking
	})
}

// TestOracle runs the scripts on Linux's TCP. A script whose head says that Linux differs must fail there.
func TestOracle(t *testing.T) {
	if *oracleFlag == "off" {
		t.Skip("turned off by -oracle=off")
	}
	netns.Require(t)
	each(t, func(t *testing.T, s *script.Script) {
		if s.Linux.Slow && *oracleFlag != "all" {
			t.Skip("takes long in real time: -oracle=all runs it")
		}
		if d := s.Length(); d > 5*time.Minute {
			t.Skipf("takes %v: too long for real time", d)
		}
		err := onLinux(t, s)
		switch {
		case s.Linux.Differs == "" && err != nil:
			t.Errorf("on Linux: %v", err)
		case s.Linux.Differs != "" && err == nil:
			t.Errorf("%s passes on Linux, but says that it differs: %s", s.Path, s.Linux.Differs)
		case err != nil:
			t.Logf("differs, as it says (%s): %v", s.Linux.Differs, err)
		}
	})
}

// attempts is how often a script may run on Linux to pass once: real time on a busy machine is only roughly on time.
const attempts = 4

// again is held by the one script that runs on Linux not for the first time.
var again sync.Mutex

func onLinux(t *testing.T, s *script.Script) error {
	err := tcptest.Execute(t, s, oracle.Linux)
	for range attempts - 1 {
		var f *tcptest.Failure
		if s.Linux.Differs != "" || !errors.As(err, &f) {
			return err
		}
		t.Logf("not the first time: %v", err)
		again.Lock()
		err = tcptest.Execute(t, s, oracle.Linux)
		again.Unlock()
	}
	return err
}
