package sandbox_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack"
)

// roleHost isn't in a sandbox, but has one, in which it runs this binary in another role.
func roleHost(args []string) error {
	n := failing{Tuned: netapi.NewStack(stack.New(stack.Config{})), errs: map[string]error{"192.0.2.1:80": syscall.EACCES}}
	s, err := sandbox.New(sandbox.Config{Network: n, Address: netip.MustParsePrefix("10.79.0.2/24")})
	if err != nil {
		return err
	}
	defer s.Close()
	cmd, err := s.Command("/proc/self/exe", args[1:]...)
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), role+"="+args[0])
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Start()
	cmd.ExtraFiles[0].Close()
	if err == nil {
		err = cmd.Wait()
	}
	if s.Err() != nil {
		return fmt.Errorf("%v: %w", err, s.Err())
	}
	return err
}

// roleOff is root in a user namespace made for it: it forbids further ones, and then runs a host as an ordinary user.
func roleOff(args []string) error {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), role+"=host")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	return cmd.Run()
}
