package libraries

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestSSH: x/crypto/ssh: a command that sends 1 MiB back, a forwarded connection, and a client that ends. Leans on nothing
// but net.Conn; the two directions' reads and writes are concurrent.
func TestSSH(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	go serveSSH(t, ln, signer, n)

	behind := n.listen(t) // what the forwarded connection reaches
	go func() {
		if c, err := behind.Accept(); err == nil {
			fmt.Fprint(c, "behind")
			c.Close()
		}
	}()
	nc := n.dial(t, ln.Addr())
	cc, chans, reqs, err := ssh.NewClientConn(nc, ln.Addr().String(), &ssh.ClientConfig{
		User: "gopher", HostKeyCallback: ssh.FixedHostKey(signer.PublicKey()), Auth: []ssh.AuthMethod{ssh.Password("secret")},
	})
	must(t, err)
	client := ssh.NewClient(cc, chans, reqs)
	defer client.Close()
	s, err := client.NewSession()
	must(t, err)
	s.Stdin = bytes.NewReader(noise(1 << 20))
	if got, err := s.Output("cat"); err != nil || !bytes.Equal(got, noise(1<<20)) {
		t.Errorf("cat: %d octets, %v", len(got), err)
	}
	c, err := client.Dial("tcp", behind.Addr().String())
	must(t, err)
	if got, err := io.ReadAll(c); err != nil || string(got) != "behind" {
		t.Errorf("forwarded: %q, %v", got, err)
	}
}

// serveSSH serves one client.
func serveSSH(t *testing.T, ln net.Listener, key ssh.Signer, n nets) {
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
		if c.User() != "gopher" || string(p) != "secret" {
			return nil, fmt.Errorf("%s may not", c.User())
		}
		return nil, nil
	}}
	config.AddHostKey(key)
	nc, err := ln.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	_, chans, reqs, err := ssh.NewServerConn(nc, config)
	if err != nil {
		t.Error(err)
		return
	}
	go ssh.DiscardRequests(reqs)
	for nch := range chans {
		ch, reqs, err := nch.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		switch nch.ChannelType() {
		case "session":
			go sshCat(ch, reqs)
		case "direct-tcpip": // RFC 4254 section 7.2
			var to struct {
				Host     string
				Port     uint32
				From     string
				FromPort uint32
			}
			ssh.Unmarshal(nch.ExtraData(), &to)
			go ssh.DiscardRequests(reqs)
			c, err := n.server.DialContext(t.Context(), "tcp", fmt.Sprintf("%s:%d", to.Host, to.Port))
			if err != nil {
				t.Error(err)
			} else {
				io.Copy(ch, c)
				c.Close()
			}
			ch.Close()
		}
	}
}

// sshCat runs the only command there is.
func sshCat(ch ssh.Channel, reqs <-chan *ssh.Request) {
	for r := range reqs {
		r.Reply(r.Type == "exec", nil)
		if r.Type == "exec" {
			io.Copy(ch, ch)
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
			ch.Close()
		}
	}
}
