package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
)

// StandIn runs a foreign plugin for a go-plugin host that has started this program in the plugin's place: environment
// and standard files are passed on as they are, so the two talk to each other and notice nothing, but the plugin has the
// network of spec. It returns the plugin's exit status when the plugin has ended; the end of ctx kills it. spec.Foreign
// may be nil: the host knows cookie and versions.
func (h *Host) StandIn(ctx context.Context, spec Spec) (status int, err error) {
	if spec.Foreign == nil {
		spec.Foreign = &Foreign{}
	}
	given := Cookie{Key: "given by the host"} // nothing to find out
	spec.Foreign = &Foreign{Cookie: given, Publish: spec.Foreign.Publish}
	if err := spec.fill(); err != nil {
		return 0, err
	}
	rules, err := spec.listenRules()
	if err != nil {
		return 0, fmt.Errorf("plugin %s: %w", spec.Name, err)
	}
	p := newPlugin(h, spec)
	if err := h.add(p); err != nil {
		return 0, err
	}
	defer h.remove(p)
	defer close(p.done)
	if len(rules) > 0 {
		announce(spec.Net, rules)
	}
	go h.feed.follow(spec.Net, p.done)
	return p.standIn(ctx)
}

// standIn runs the plugin's command with this program's files.
func (p *Plugin) standIn(ctx context.Context) (int, error) {
	path, err := p.program()
	if err != nil {
		return 0, err
	}
	box, err := p.sandbox(sandbox.Config{})
	if err != nil {
		return 0, err
	}
	defer box.Close()
	cmd, err := box.Command(path, p.spec.Command[1:]...)
	if err != nil {
		return 0, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env, cmd.Dir = append(append(cmd.Env, os.Environ()...), p.spec.Env...), p.spec.Dir
	err = cmd.Start()
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.status = Status{State: Running, PID: cmd.Process.Pid, Kinds: []string{"stand-in"}, Since: time.Now()}
	p.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	defer context.AfterFunc(p.ctx, func() { cmd.Process.Kill() })()
	err = cmd.Wait()
	p.enter(Ended, err)
	if box.Err() != nil {
		return 0, box.Err()
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := cmd.ProcessState.ExitCode(); code >= 0 {
			return code, nil
		}
		return 128 + 9, nil // a signal has ended it
	}
	return 0, err
}
