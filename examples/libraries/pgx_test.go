package libraries

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// notRoot is who PostgreSQL runs as: it doesn't run as root.
func notRoot(t *testing.T, dir string) *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}
	}
	name := "postgres"
	if _, err := user.Lookup(name); err != nil {
		name = "nobody"
	}
	u, err := user.Lookup(name)
	must(t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	must(t, os.Chown(dir, uid, gid))
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// startPostgres makes a cluster and gives its URL on the network.
func startPostgres(t *testing.T, n nets) string {
	initdb, postgres := program("initdb", "/usr/lib/postgresql/*/bin"), program("postgres", "/usr/lib/postgresql/*/bin")
	if initdb == "" || postgres == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("PostgreSQL (initdb, postgres) is not installed")
		}
		t.Skip("PostgreSQL (initdb, postgres) is not installed; pgx has no other server to talk to")
	}
	dir, err := os.MkdirTemp("", "gotcp-pg") // not t.TempDir, which others than us cannot enter
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := notRoot(t, dir)
	cmd := exec.Command(initdb, "-D", dir+"/data", "-U", "gopher", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	ln := n.listen(t)
	go forward(ln, daemon(t, attr, filepath.Join(dir, ".s.PGSQL.5432"),
		postgres, "-D", dir+"/data", "-k", dir, "-c", "listen_addresses=", "-c", "port=5432", "-F"))
	return "postgres://gopher@" + ln.Addr().String() + "/postgres?sslmode=disable"
}

// TestPostgres: pgx against PostgreSQL, in one server for it all, which takes a while to make.
func TestPostgres(t *testing.T) {
	n := open(t)
	config, err := pgxpool.ParseConfig(startPostgres(t, n))
	must(t, err)
	config.ConnConfig.DialFunc = pgconn.DialFunc(n.client.DialContext)
	for ctx := within(t); ; { // the socket is there before the server is ready
		c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
		if err == nil {
			must(t, c.Close(ctx))
			break
		}
		wait(ctx, t, nil, err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	must(t, err)
	defer pool.Close()
	for _, test := range []struct {
		name string
		do   func(*testing.T, *pgxpool.Pool)
	}{{"rows", pgRows}, {"notify", pgNotify}, {"cancel", pgCancel}, {"killed", pgKilled}} {
		t.Run(test.name, func(t *testing.T) { test.do(t, pool) })
	}
}

// pgRows: COPY 20,000 rows in, and read them all back.
func pgRows(t *testing.T, pool *pgxpool.Pool) {
	ctx := within(t)
	_, err := pool.Exec(ctx, "CREATE TABLE rows (id int, body bytea)")
	must(t, err)
	body := noise(500)
	copied, err := pool.CopyFrom(ctx, pgx.Identifier{"rows"}, []string{"id", "body"},
		pgx.CopyFromSlice(20_000, func(i int) ([]any, error) { return []any{i, body[:i%500]}, nil }))
	if err != nil || copied != 20_000 {
		t.Fatalf("copied %d: %v", copied, err)
	}
	rows, err := pool.Query(ctx, "SELECT id, body FROM rows ORDER BY id")
	must(t, err)
	next := 0
	for ; rows.Next(); next++ {
		var id int
		var b []byte
		if err := rows.Scan(&id, &b); err != nil || id != next || string(b) != string(body[:id%500]) {
			t.Fatalf("row %d: %d, %d octets, %v", next, id, len(b), err)
		}
	}
	if next != 20_000 || rows.Err() != nil {
		t.Errorf("%d rows, %v", next, rows.Err())
	}
}

// pgNotify: a connection waits for what another one notifies.
func pgNotify(t *testing.T, pool *pgxpool.Pool) {
	ctx := within(t)
	c, err := pool.Acquire(ctx)
	must(t, err)
	defer c.Release()
	_, err = c.Exec(ctx, "LISTEN news")
	must(t, err)
	_, err = pool.Exec(ctx, "NOTIFY news, 'hello'")
	must(t, err)
	if got, err := c.Conn().WaitForNotification(ctx); err != nil || got.Payload != "hello" {
		t.Errorf("%v, %v", got, err)
	}
}

// pgCancel: the end of a context ends a query, by a deadline in the past, which must wake the read that waits.
func pgCancel(t *testing.T, pool *pgxpool.Pool) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := pool.Exec(ctx, "SELECT pg_sleep(60)"); !errors.Is(err, context.DeadlineExceeded) || !pgconn.Timeout(err) {
		t.Errorf("%v", err)
	}
	must(t, pool.Ping(within(t)))
}

// pgKilled: the server ends a connection: what is in it gets the server's word, and the pool makes a new one.
func pgKilled(t *testing.T, pool *pgxpool.Pool) {
	ctx := within(t)
	_, err := pool.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "57P01" { // admin_shutdown
		t.Errorf("%v", err)
	}
	must(t, pool.Ping(ctx))
}
