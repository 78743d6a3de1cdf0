package plugins

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"strings"
)

// moment is one in a plugin's life, at which it is killed.
type moment struct {
	name string
	kill func(c *chaos, v *victim)
}

var moments = []moment{
	{"rest", func(c *chaos, v *victim) { c.strike(v) }},
	{"a transfer", duringTransfer},
	{"its dialling", duringDial},
	{"a client's arrival", duringAccept},
	{"its first launch", duringLaunch},
	{"another launch", duringRelaunch},
	{"its stopping", duringStop},
}

// strike kills a victim's process, or one of those that are in its namespace, and waits until none of them is left.
func (c *chaos) strike(v *victim) (pid int) {
	c.t.Helper()
	pid = v.p.Status().PID
	if pid == 0 {
		c.t.Fatalf("%s has no process to kill: %+v", v.spec.Name, v.p.Status())
	}
	space, own := proc{pid: pid}.space(), proc{pid: 1}.space()
	if self := (proc{pid: pid}); !v.spec.Sandbox {
		space = "none"
	} else if space == own {
		c.t.Fatalf("%+v is in a sandbox and has our namespace", self)
	}
	family := func(p proc) bool { return p.group == pid || p.space() == space }
	target := pid
	if inner := procs(func(p proc) bool { return p.parent == pid && p.space() == space }); len(inner) > 0 && c.rng.IntN(2) == 0 {
		target = inner[0].pid
	}
	openPID(c.t, target).kill()
	await(c.t, "the end of the process and its children", func() bool { return len(procs(family)) == 0 })
	return pid
}

// duringTransfer kills when so many octets have come back. Those are what was sent.
func duringTransfer(c *chaos, v *victim) {
	conn, err := c.ask(v, "echo")
	if err != nil {
		c.t.Error(err)
		return
	}
	seed := [32]byte{byte(c.rng.IntN(256))}
	c.client(func() {
		io.Copy(conn, rand.NewChaCha8(seed)) // until the victim's end
	})
	after, arrived := c.rng.IntN(4<<20), make(chan struct{})
	c.client(func() {
		defer conn.Close()
		want, got := rand.NewChaCha8(seed), make([]byte, 32<<10)
		expected := make([]byte, len(got))
		for count := 0; ; {
			n, err := conn.Read(got)
			want.Read(expected[:n])
			if string(got[:n]) != string(expected[:n]) {
				c.t.Errorf("octets %d to %d came back other than they were sent", count, count+n)
			}
			if count < after && count+n >= after || count == 0 && after == 0 {
				close(arrived)
			}
			if count += n; err != nil {
				return
			}
		}
	})
	<-arrived
	c.strike(v)
}

// duringDial kills when the victim has dialled so many times.
func duringDial(c *chaos, v *victim) {
	conn, err := c.ask(v, "dial "+c.net.Address.String()+":9")
	if err != nil {
		c.t.Error(err)
		return
	}
	after, arrived := c.rng.IntN(50), make(chan struct{})
	c.client(func() {
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		for n := 0; lines.Scan(); n++ {
			if !strings.HasPrefix("dialled", lines.Text()) { // the last one may be cut
				c.t.Errorf("%s: %s", v.spec.Name, lines.Text())
			}
			if n == after {
				close(arrived)
			}
		}
	})
	<-arrived
	c.strike(v)
}

// duringAccept kills while clients come.
func duringAccept(c *chaos, v *victim) {
	for range 1 + c.rng.IntN(20) {
		conn, err := c.ask(v, "echo")
		if err != nil {
			c.t.Error(err)
			return
		}
		c.client(func() {
			defer conn.Close()
			io.Copy(io.Discard, conn)
		})
	}
	c.strike(v)
}

// duringLaunch kills at some time after the process has begun. Then the plugin wasn't ready, and is not kept, or was,
// and is started again.
func duringLaunch(c *chaos, v *victim) {
	c.stop(v)
	started := make(chan *Plugin)
	go func() {
		p, _ := c.Start(context.WithoutCancel(c.t.Context()), v.spec)
		started <- p
	}()
	c.killNew(v, 0)
	if v.p = <-started; v.p == nil {
		if c.Plugin(v.spec.Name) != nil {
			c.t.Errorf("%s was kept, though it could not be started", v.spec.Name)
		}
		v.p = c.start(c.t, v.spec)
	}
}

// duringRelaunch kills twice, the second time at some time after the process has begun anew.
func duringRelaunch(c *chaos, v *victim) {
	c.killNew(v, c.strike(v))
}

// killNew kills a victim's process, other than a former one, at some time after it has begun.
func (c *chaos) killNew(v *victim, former int) {
	c.t.Helper()
	pid := 0
	await(c.t, "a process", func() bool { pid = c.look(v, 1); return pid != 0 && pid != former })
	process := openPID(c.t, pid)
	c.look(v, c.rng.IntN(v.launch+1))
	process.kill()
	await(c.t, "its end", func() bool { return len(procs(func(p proc) bool { return p.group == pid })) == 0 })
}

// duringStop kills what was asked to end.
func duringStop(c *chaos, v *victim) {
	process := openPID(c.t, v.p.Status().PID)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.stop(v)
	}()
	c.look(v, c.rng.IntN(5))
	process.kill()
	<-stopped
	v.p = c.start(c.t, v.spec)
}
