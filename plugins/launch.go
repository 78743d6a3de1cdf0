package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// launch starts the plugin's process and returns when it is ready.
func (p *Plugin) launch(ctx context.Context) (*instance, error) {
	i := &instance{p: p, finished: make(chan error, 1), served: make(chan struct{})}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	close(i.served) // there is no border yet
	var err error
	if i.dir, err = p.host.tempDir(); err != nil {
		return nil, err
	}
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
	if i.box, err = i.p.sandbox(sandbox.Config{Scratch: []string{i.dir}}); err != nil {
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
		cfg := sandbox.Config{Files: []*os.File{pluginEnd}, Scratch: []string{i.dir}}
		if i.box, err = i.p.sandbox(cfg); err == nil {
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
	streams := i.p.spec.Streams
	if !streams && hungUp(i.hostEnd) {
		i.p.log.Warn("the plugin's data goes over gRPC, which is slow: it was started by a program that passes no files on")
		hostEnd.Close()
		streams = true
	}
	if !streams {
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
	spec, dir := &i.p.spec, i.dir
	cmd.Env, cmd.Dir = append(cmd.Env, spec.Env...), spec.Dir
	cfg.SyncStdout, cfg.SyncStderr = i.p.lines("stdout"), i.p.lines("stderr")
	cfg.Logger = hclogTo(i.p.its, i.p.limit.read)
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
	if err := i.connect(cfg); err != nil {
		return i.startError(ctx, err)
	}
	return nil
}

// startError says why the plugin couldn't be started: what go-plugin says of that may have come of something else.
func (i *instance) startError(ctx context.Context, err error) error {
	var end error
	if i.proc != nil {
		end = i.proc.ownEnd()
	}
	switch {
	case i.box != nil && i.box.Err() != nil:
		return i.box.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("it wasn't ready in time: %w", context.Cause(ctx))
	case end != nil:
		return fmt.Errorf("it ended before it was ready: %w (what it wrote is in its log)", end)
	}
	return fmt.Errorf("%w (what else it wrote is in its log)", err)
}

// hungUp reports whether nobody has the other end of a socket any more.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	for {
		_, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return fds[0].Revents&unix.POLLHUP != 0
		}
	}
}

// duplicate gives another descriptor of a file.
func duplicate(f *os.File) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	copied := 0
	cerr := raw.Control(func(fd uintptr) { copied, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(cerr, err); err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return copied, nil
}
