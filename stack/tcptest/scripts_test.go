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

// each runs f for every script that is wanted, in parallel.
func each(t *testing.T, wanted func(*script.Script) bool, f func(t *testing.T, s *script.Script)) {
	paths, err := filepath.Glob("testdata/*/*.pkt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		s, err := script.ParseFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if !wanted(s) {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".pkt"), func(t *testing.T) {
			t.Parallel()
			f(t, s)
		})
	}
}

func every(*script.Script) bool { return true }

// TestScripts runs the scripts on gotcp, in the time of a bubble.
func TestScripts(t *testing.T) {
	each(t, every, func(t *testing.T, s *script.Script) {
		if err := tcptest.Execute(t, s, tcptest.Gotcp); err != nil {
			t.Error(err)
		}
	})
}

// TestManual runs the scripts on gotcp with a clock that the runner moves, and without goroutines: all but those with a
// close that lingers, which blocks, and of which the stack has no form that doesn't.
func TestManual(t *testing.T) {
	each(t, func(s *script.Script) bool { return !lingers(s) }, func(t *testing.T, s *script.Script) {
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

// onOracle reports whether a script runs on Linux: not those that take long in real time, unless asked for, and never those
// that take more than 5 minutes.
func onOracle(s *script.Script) bool {
	return (!s.Linux.Slow || *oracleFlag == "all") && s.Length() <= 5*time.Minute
}

// TestOracle runs the scripts on Linux's TCP. A script whose head says that Linux differs must fail there.
func TestOracle(t *testing.T) {
	if *oracleFlag == "off" {
		t.Skip("turned off by -oracle=off")
	}
	netns.Require(t)
	each(t, onOracle, func(t *testing.T, s *script.Script) {
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
