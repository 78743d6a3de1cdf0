package sandbox_test

import (
	"fmt"
	"os"
	"strings"
)

// program is what runs in the sandbox, in a role. It is built of package net only: an unmodified program.
func program(as string, args []string) int {
	f := roles[as]
	if f == nil {
		return fatal(fmt.Errorf("no role is called %q", as))
	}
	if err := f(args); err != nil {
		return fatal(err)
	}
	return 0
}

var roles = map[string]func(args []string) error{
	"status": roleStatus,
}

// roleStatus prints what the kernel says of the process.
func roleStatus([]string) error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			fmt.Print(strings.Join(strings.Fields(line), " "), "\n")
		}
	}
	return nil
}
