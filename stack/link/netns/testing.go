package netns

import (
	"errors"
	"os"
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

// Require says that a test needs a TUN device in a namespace of its own, and skips it, with the reason, where there is
// none. In CI (the environment variable CI is true) it fails instead: there it must be possible.
func Require(t interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}) {
	t.Helper()
	switch {
	case errNotInside == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this test needs a TUN device in a network namespace of its own, which CI must have: %v", errNotInside)
	default:
		t.Skipf("this test needs a TUN device in a network namespace of its own: %v", errNotInside)
	}
}
