package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/gotcp/gotcp/plugins/internal/border"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
)

// What a plugin made with this package wants to see in its environment, and its one plugin's name.
var handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "GOTCP_PLUGIN",
	MagicCookieValue: "6f1f4f4e-3d0c-4b6e-9d53-0a5f6f1cbd0e",
}

const (
	protocolVersion = 1
	pluginName      = "gotcp"
	envBorder       = "GOTCP_PLUGIN_FD"   // the descriptor of the border's socket
	envLife         = "GOTCP_PLUGIN_LIFE" // the same, where the socket only shows that the host lives
)

// hello is what a plugin says of itself when it is ready.
type hello struct {
	Kinds []string `json:"kinds"`
}

// instance is one run of a plugin.
type instance struct {
	p        *Plugin
	kinds    []string
	client   *plugin.Client
	protocol plugin.ClientProtocol
	proc     *process
	finished chan error // gets what a plugin of ours says when its work is done: nil or why it failed

	border  *border.Host // nil for a foreign one
	hostEnd *os.File     // another descriptor of the border's socket, where there is one
	box     *sandbox.Sandbox
	dir     string          // of its sockets
	ctx     context.Context // ends with it, or earlier
	cancel  context.CancelFunc
	served  chan struct{} // closed when the border has ended and nothing of it is left

	handing sync.WaitGroup // who listens for a handler
}

// launch starts the plugin's process and returns when it is ready.
func (p *Plugin) launch(ctx context.Context) (*instance, error) {
	i := &instance{p: p, finished: make(chan error, 1), served: make(chan struct{})}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	close(i.served) // there is no border yet
	var err error
	if p.spec.Foreign != nil {
		err = i.startForeign(ctx)
	} else {
		err = i.startOwn(ctx)
	}
	if err != nil {
		if late := ctx.Err() != nil; late && !errors.Is(err, ctx.Err()) {
			err = fmt.Errorf("it wasn't ready in time: %w: %w", context.Cause(ctx), err)
		}
		i.close()
	}
	if i.proc != nil {
		i.proc.started()
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// startForeign starts a binary that wasn't made with this package.
func (i *instance) startForeign(ctx context.Context) error {
	f := i.p.spec.Foreign
	path, err := i.p.program()
	if err != nil {
		return err
	}
	if i.box, err = i.p.sandbox(sandbox.Config{}); err != nil {
		return err
	}
	cmd, err := i.box.Command(path, i.p.spec.Command[1:]...)
	if err != nil {
		return err
	}
	cfg := &plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: f.Cookie.Key, MagicCookieValue: f.Cookie.Value},
		VersionedPlugins: f.sets(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC, plugin.ProtocolNetRPC},
	}
	if err := i.start(ctx, cfg, cmd); err != nil {
		return err
	}
	i.kinds = []string{string(i.client.Protocol()) + " plugin"}
	return nil
}

// startOwn starts a plugin that calls Serve.
func (i *instance) startOwn(ctx context.Context) error {
	path, err := i.p.program()
	if err != nil {
		return err
	}
	hostEnd, pluginEnd, err := border.SocketPair()
	if err != nil {
		return err
	}
	defer pluginEnd.Close() // which Start closes, where it comes to that
	if i.hostEnd, err = duplicate(hostEnd); err != nil {
		hostEnd.Close()
		return err
	}
	fd := 3
	var cmd *exec.Cmd
	if i.p.spec.Sandbox {
		if i.box, err = i.p.sandbox(sandbox.Config{Files: []*os.File{pluginEnd}}); err == nil {
			cmd, err = i.box.Command(path, i.p.spec.Command[1:]...)
		}
		if err != nil {
			hostEnd.Close()
			return err
		}
	} else {
		cmd = exec.Command(path, i.p.spec.Command[1:]...)
		cmd.ExtraFiles = []*os.File{pluginEnd}
	}
	socket := envBorder
	if i.p.spec.Streams {
		hostEnd.Close()
		socket = envLife
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", socket, fd))
	cfg := &plugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocolVersion: {pluginName: &netPlugin{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
	}
	if err := i.start(ctx, cfg, cmd); err != nil {
		hostEnd.Close()
		return err
	}
	carrier, err := i.carrier(hostEnd)
	if err != nil {
		return err
	}
	return i.join(ctx, carrier)
}

// carrier is what connects the two processes.
func (i *instance) carrier(hostEnd *os.File) (border.Carrier, error) {
	raw, err := i.protocol.Dispense(pluginName)
	if err != nil {
		hostEnd.Close()
		return nil, fmt.Errorf("it isn't made with gotcp's package plugins: %w", err)
	}
	if !i.p.spec.Streams {
		return border.FD(hostEnd)
	}
	stream, err := openStream(i.ctx, raw.(*grpc.ClientConn))
	if err != nil {
		return nil, err
	}
	return border.MuxHost(stream)
}

// start runs the command under go-plugin.
func (i *instance) start(ctx context.Context, cfg *plugin.ClientConfig, cmd *exec.Cmd) error {
	spec := &i.p.spec
	dir, err := i.p.host.tempDir()
	if err != nil {
		return err
	}
	i.dir = dir
	cmd.Env, cmd.Dir = append(cmd.Env, spec.Env...), spec.Dir
	cfg.SyncStdout, cfg.SyncStderr = i.p.lines("stdout"), i.p.lines("stderr")
	cfg.Logger = hclogTo(i.p.its)
	cfg.GRPCDialOptions = dialOptions()
	cfg.UnixSocketConfig = &plugin.UnixSocketConfig{TempDir: dir}
	cfg.RunnerFunc = func(_ hclog.Logger, with *exec.Cmd, _ string) (runner.Runner, error) {
		cmd.Env = append(append(with.Env, cmd.Env...), plugin.EnvUnixSocketDir+"="+dir) // not in one within that
		i.proc = newProcess(cmd, i.p.lines("stdout"), i.p.lines("stderr"))
		i.proc.starting = ctx
		if cfg.AutoMTLS {
			i.proc.dir = dir // one of our own does as it is told
		}
		return i.proc, nil
	}
	if t, ok := ctx.Deadline(); ok {
		cfg.StartTimeout = time.Until(t)
	}
	i.client = plugin.NewClient(cfg)
	i.protocol, err = i.client.Client()
	switch {
	case err == nil:
		return nil
	case i.box != nil && i.box.Err() != nil:
		return i.box.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("it wasn't ready in time: %w", context.Cause(ctx))
	case i.proc != nil && i.proc.exited() != nil:
		return fmt.Errorf("it ended before it was ready: %w (what it wrote is in its log)", i.proc.exited())
	}
	return fmt.Errorf("%w (what else it wrote is in its log)", err)
}

// join puts the plugin's network at its disposal, and waits until it says that it is ready.
func (i *instance) join(ctx context.Context, carrier border.Carrier) error {
	ready := make(chan string, 1)
	n, q := i.p.spec.Net, i.p.spec.Net.Quota()
	i.border = border.NewHost(carrier, n.Network, border.Limits{Conns: q.Conns, Listeners: q.Listeners, Sockets: q.Sockets},
		border.Hooks{
			Ready: func(text string) {
				select {
				case ready <- text:
				default: // it says so twice
				}
			},
			Finished: func(text string) {
				var err error
				if text != "" {
					err = errors.New(text)
				}
				select {
				case i.finished <- err:
				default:
				}
			},
			Exchange: n.Exchange,
		})
	i.served = make(chan struct{})
	go func() {
		defer close(i.served)
		if err := i.border.Serve(i.p.kill); err != nil && i.p.kill.Err() == nil {
			i.p.log.Error("the plugin was cut off", "error", err)
			i.proc.Kill(context.Background())
		}
	}()
	select {
	case text := <-ready:
		var h hello
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			return fmt.Errorf("what it says of itself makes no sense: %w", err)
		}
		i.kinds = h.Kinds
		return i.serveKinds(ctx)
	case err := <-i.finished:
		if err == nil {
			err = errDone
		}
		return err
	case <-i.ended():
		return i.why()
	case <-ctx.Done():
		return fmt.Errorf("it wasn't ready in time: %w", context.Cause(ctx))
	}
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
		i.client.Kill()
		<-i.proc.ended
		late.Stop()
		stop()
		i.proc.removeSocket()
	}
	i.hangUp()
	i.handing.Wait()
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

// duplicate gives another descriptor of a file.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// hangUp has the border end after what the plugin's process has said: a child that it has given its socket to, and that
// isn't in the plugin's process group any more, may have it open for ever.
func (i *instance) hangUp() {
	if i.hostEnd == nil {
		return
	}
	unix.Shutdown(int(i.hostEnd.Fd()), unix.SHUT_RD)
	i.hostEnd.Close()
	i.hostEnd = nil
}
