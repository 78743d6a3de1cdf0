package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/plugins/internal/border"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
)

// instance is one run of a plugin.
type instance struct {
	p        *Plugin
	kinds    []string
	client   *plugin.Client
	protocol plugin.ClientProtocol
	netRPC   bool // protocol is one of ours
	proc     *process
	finished chan error // gets what a plugin of ours says when its work is done: nil or why it failed

	border  *border.Host // nil for a foreign one
	hostEnd int          // another descriptor of the border's socket, where there is one; else 0
	box     *sandbox.Sandbox
	dir     string          // of its sockets
	ctx     context.Context // ends with it, or earlier
	cancel  context.CancelFunc
	served  chan struct{} // closed when the border has ended and nothing of it is left

	handing sync.WaitGroup // who listens for a handler
}

// ended is closed when the process has ended.
func (i *instance) ended() <-chan struct{} { return i.proc.ended }

// why says how the process has ended. What it said before comes first.
func (i *instance) why() error {
	select {
	case err := <-i.finished:
		if err == nil {
			err = errDone
		}
		return err
	default:
	}
	if i.proc.err == nil {
		return errors.New("its process has ended")
	}
	return fmt.Errorf("its process has ended: %w", i.proc.err)
}

// pid is the process's.
func (i *instance) pid() int { return i.proc.cmd.Process.Pid }

// ping asks whether the plugin is well.
func (i *instance) ping(within time.Duration) error {
	answer := make(chan error, 1)
	go func() { answer <- i.protocol.Ping() }()
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case err := <-answer:
		return err
	case <-i.ended():
		return nil // which is noticed elsewhere
	case <-i.p.ctx.Done():
		return nil // it is to be stopped
	case <-t.C:
		return errors.New("no answer in " + within.String())
	}
}

// stop asks the plugin to end and waits for that as long as within says, or until now ends.
func (i *instance) stop(now context.Context, within time.Duration) {
	if i.border == nil {
		return // go-plugin asks foreign ones itself
	}
	i.border.Stop()
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-i.finished:
	case <-i.ended():
	case <-t.C:
		i.p.log.Warn("the plugin doesn't end, and is killed", "after", within)
		i.proc.Kill(context.Background())
	case <-now.Done():
		i.proc.Kill(context.Background())
	}
}

// close ends what is left of the run: the process, its ports, its sockets. What the plugin had written to connections is
// still delivered, for as long as the border allows.
func (i *instance) close() {
	i.cancel()
	if i.proc != nil {
		kill := func() { i.proc.Kill(context.Background()) }
		stop := context.AfterFunc(i.p.kill, kill)
		late := time.AfterFunc(i.p.spec.Stop, kill) // go-plugin waits for an answer as long as it takes
		i.quit()
		<-i.proc.ended
		late.Stop()
		stop()
		i.proc.removeSocket()
	}
	i.hangUp()
	i.handing.Wait()
	if i.border != nil {
		<-i.border.Left()
	}
	i.p.lingering.Go(func() { <-i.served })
	if i.box != nil {
		if err := i.box.Close(); err != nil {
			i.p.log.Warn("the sandbox's end", "error", err)
		}
	}
	if i.dir != "" {
		if err := os.RemoveAll(i.dir); err != nil {
			i.p.log.Warn("the plugin's sockets are still there", "error", err)
		}
	}
}

// hangUp has the border end after what the plugin's process has said: a child that it has given its socket to, and that
// isn't in the plugin's process group any more, may have it open for ever.
func (i *instance) hangUp() {
	if i.hostEnd == 0 {
		return
	}
	unix.Shutdown(i.hostEnd, unix.SHUT_RD)
	unix.Close(i.hostEnd)
	i.hostEnd = 0
}
