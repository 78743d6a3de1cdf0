package tcp_test

import (
	"fmt"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// Two engines driven by hand, without a goroutine, a clock or a network: what one has to send is given to the other.
func Example() {
	cfg := tcp.Config{Check: true}
	cfg.Default()
	now := tcp.Time(0)
	params := func(iss seq.Num) tcp.Params {
		return tcp.Params{Config: &cfg, ISS: iss, MSS: 1460, SndBuf: 1 << 16, RcvBuf: 1 << 16}
	}

	var client, server tcp.TCB
	var seg, reply wire.Segment

	// The client's SYN makes a half-open record, whose SYN-ACK goes back; the ACK makes the connection.
	client.Connect(now, params(1))
	client.Poll(now, &seg)
	var half tcp.HalfOpen
	p := params(2)
	half.Open(now, &p, &seg)
	half.SYNACK(now, &cfg, &reply)
	client.Segment(now, &reply)
	client.Poll(now, &seg)
	if half.Segment(now, &cfg, &seg, &reply) == tcp.Promote {
		server.Accept(now, params(2), &half)
		server.Segment(now, &seg)
	}
	fmt.Println("client", client.State(), "server", server.State())

	deliver := func(from, to *tcp.TCB) {
		for from.Poll(now, &seg) {
			to.Segment(now, &seg)
		}
	}
	client.Write(now, []byte("hello"))
	client.CloseWrite(now)
	deliver(&client, &server)
	b := make([]byte, 100)
	n, err := server.Read(now, b)
	fmt.Printf("server reads %q, %v\n", b[:n], err)
	_, err = server.Read(now, b)
	fmt.Println("then", err)

	server.Write(now, []byte("goodbye"))
	server.CloseWrite(now)
	deliver(&server, &client)
	n, _ = client.Read(now, b)
	fmt.Printf("client reads %q\n", b[:n])
	deliver(&client, &server)
	fmt.Println("client", client.State(), "server", server.State())

	w := client.TimeWait(now)
	fmt.Println("TIME-WAIT for", w.Deadline().Sub(now).Round(time.Second))
	// Output:
	// client ESTABLISHED server ESTABLISHED
	// server reads "hello", <nil>
	// then tcp: end of data
	// client reads "goodbye"
	// client TIME-WAIT server CLOSED
	// TIME-WAIT for 1m0s
}
