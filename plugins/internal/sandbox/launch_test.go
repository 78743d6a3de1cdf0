package sandbox_test

import (
	"testing"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
)

func TestStatus(t *testing.T) {
	b := start(t, sandbox.Config{}, "status")
	t.Log(b.all())
}
