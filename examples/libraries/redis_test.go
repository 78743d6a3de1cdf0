package libraries

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// startRedis gives the address of a Redis server on the network: the real one, reached through a Unix-domain socket, or
// miniredis where it isn't installed.
func startRedis(t *testing.T, n nets) (addr string) {
	ln := n.listen(t)
	if redisServer := program("redis-server"); redisServer != "" {
		socket := filepath.Join(t.TempDir(), "redis")
		go forward(ln, daemon(t, &syscall.SysProcAttr{}, socket,
			redisServer, "--port", "0", "--unixsocket", socket, "--save", "", "--daemonize", "no"))
	} else {
		t.Log("redis-server is not installed: miniredis takes its place")
		mini := miniredis.RunT(t)
		go forward(ln, func() (net.Conn, error) { return net.Dial("tcp", mini.Addr()) })
	}
	return ln.Addr().String()
}

func redisClient(t *testing.T, n nets, addr string, size int) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Dialer: n.client.DialContext, PoolSize: size, ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestRedis: go-redis: a pipeline of 10,000 commands, a value of 4 MiB, and one connection for it all: its pool must find
// ours good each time, without a file descriptor to look at.
func TestRedis(t *testing.T) {
	n := open(t)
	c := redisClient(t, n, startRedis(t, n), 1)
	ctx := within(t)
	p := c.Pipeline()
	for i := range 10_000 {
		p.RPush(ctx, "list", i)
	}
	_, err := p.Exec(ctx)
	must(t, err)
	if all, err := c.LRange(ctx, "list", 0, -1).Result(); err != nil || len(all) != 10_000 || all[9_999] != "9999" {
		t.Errorf("%d elements, %v", len(all), err)
	}
	big := noise(4 << 20)
	must(t, c.Set(ctx, "big", big, 0).Err())
	if got, err := c.Get(ctx, "big").Result(); got != string(big) {
		t.Errorf("%d octets of %d, %v; or they differ", len(got), len(big), err)
	}
	for range 100 {
		must(t, c.Incr(ctx, "n").Err())
	}
	if s := c.PoolStats(); s.Misses != 1 || s.StaleConns != 0 {
		t.Errorf("the pool dialled %d times and found %d connections dead; want 1 and 0", s.Misses, s.StaleConns)
	}
}

// TestRedisPubSub: what is published comes to a connection that waits.
func TestRedisPubSub(t *testing.T) {
	n := open(t)
	c := redisClient(t, n, startRedis(t, n), 10)
	ctx := within(t)
	sub := c.Subscribe(ctx, "news")
	defer sub.Close()
	_, err := sub.Receive(ctx) // the subscription is in place
	must(t, err)
	for i := range 100 {
		must(t, c.Publish(ctx, "news", fmt.Sprint(i)).Err())
	}
	for i := range 100 {
		if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != fmt.Sprint(i) {
			t.Fatalf("message %d: %v, %v", i, m, err)
		}
	}
}

// TestRedisDeath: a command on a connection that the server has closed is tried again on a new one, and one whose context
// ends gives the context's error. Leans on io.EOF and on deadline errors.
func TestRedisDeath(t *testing.T) {
	n := open(t)
	addr := startRedis(t, n)
	c, killer := redisClient(t, n, addr, 1), redisClient(t, n, addr, 1)
	ctx := within(t)
	must(t, c.Set(ctx, "k", "v", 0).Err())
	if err := killer.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		if !strings.Contains(err.Error(), "unknown") {
			t.Fatal(err)
		}
		t.Log("miniredis kills no connections")
	}
	if v, err := c.Get(ctx, "k").Result(); v != "v" {
		t.Errorf("after the server closed: %q, %v", v, err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := c.BLPop(short, 0, "nothing").Err(); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Errorf("a command that waits: %v", err)
	}
	must(t, c.Ping(ctx).Err())
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
