package netns

import (
	"errors"
	"os"
	"os/exec"
)

// errNotInside is why the tests of this program have no namespace of their own; nil where they have.
var errNotInside = errors.New("netns.Main was not called by TestMain")

// Main is for TestMain: it runs the tests in namespaces of their own, as [Enter] does with a program, so that an
// ordinary user's tests may make TUN devices. Where that can't be they run where they are, and [Require] says why.
//
//	func TestMain(m *testing.M) { netns.Main(m) }
func Main(m interface{ Run() int }) {
	errNotInside = Enter()
	os.Exit(m.Run())
}

// T is what the functions for tests use of a *testing.T or *testing.B. Package testing itself belongs into tests.
type T interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Require says that a test needs a TUN device in a namespace of its own, and skips it, with the reason, where there is
// none. In CI (the environment variable CI is true) it fails instead: there it must be possible.
func Require(t T) {
	t.Helper()
	if errNotInside != nil {
		Lacks(t, "a TUN device in a network namespace of its own", errNotInside)
	}
}

// RequireProgram is [Require] for a test that runs a program of the system. It returns the program's path.
func RequireProgram(t T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacks(t, "the program "+name, err)
	}
	return path
}

// Lacks skips a test that needs what this system doesn't have, and says why not. In CI (the environment variable CI is
// true) it fails instead.
func Lacks(t T, what string, why error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s, which CI must have: %v", what, why)
		return
	}
	t.Skipf("this test needs %s: %v", what, why)
}
