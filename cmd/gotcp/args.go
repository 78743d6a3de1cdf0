package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// splitCommand cuts the command line at the first "--": what follows is a command to run.
func splitCommand(args []string) (own, command []string) {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i], args[i+1:]
	}
	return args, nil
}

// flagsFirst puts flags before the other arguments of a verb, for the parser stops at the first of those, but people
// write "gotcp serve http . --port 8080".
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out, rest := args[:1:1], args[1:]
	commands, flags := app.Commands, app.Flags
	for len(rest) > 0 {
		c := find(commands, rest[0])
		if c == nil {
			break
		}
		out = append(out, rest[0])
		commands, flags, rest = c.Subcommands, c.Flags, rest[1:]
	}
	var others []string
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		if len(arg) < 2 || arg[0] != '-' || isNumber(arg) {
			others = append(others, arg)
			continue
		}
		out = append(out, arg)
		if takesValue(flags, arg) && len(rest) > 0 {
			out = append(out, rest[0])
			rest = rest[1:]
		}
	}
	return append(out, others...)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// isNumber reports whether an argument that begins with "-" is a negative number.
func isNumber(arg string) bool { return arg[1] >= '0' && arg[1] <= '9' }

// takesValue reports whether the argument that follows a flag is its value.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}
