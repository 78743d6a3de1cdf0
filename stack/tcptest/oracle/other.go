//go:build !linux

package oracle

import (
	"errors"
	"testing"

	"github.com/gotcp/gotcp/stack/tcptest"
)

// Linux is the kernel's TCP as a target: not on this system.
var Linux tcptest.Target = target{}

type target struct{}

func (target) Name() string { return "Linux" }

// Run implements [tcptest.Target].
func (target) Run(*testing.T, *tcptest.Config, func(tcptest.Sent), func(tcptest.Host) error) error {
	return errors.New("this is not Linux")
}
