package netspec

import (
	"strings"
	"testing"
	"time"
)

// TestParse reads what the documentation shows.
func TestParse(t *testing.T) {
	s, err := Parse("tun:dev=tun0,addr=192.0.2.2/30,peer=192.0.2.1,mtu=9000,path=portable")
	if err != nil || s.Kind != TUN || s.Dev != "tun0" || s.Addr.String() != "192.0.2.2/30" ||
		s.Peer.String() != "192.0.2.1" || s.MTU != 9000 || s.Path != Portable {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = Parse("private,loss=1%,delay=20ms,rate=100mbit,seed=7,pcap=out.pcapng")
	if err != nil || s.Kind != Private || s.Impair.Loss != 0.01 || s.Impair.Delay != 20*time.Millisecond ||
		s.Impair.Rate != 100e6 || s.Impair.Seed != 7 || s.PCAP != "out.pcapng" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestDefaults: the ends of a private network, and the peer that a network has where only the stack's address is given.
func TestDefaults(t *testing.T) {
	for text, want := range map[string]string{
		"private":                    "10.77.0.2/24 10.77.0.1",
		"tun:addr=192.0.2.1/24":      "192.0.2.1/24 192.0.2.2", // the first address is taken
		"tun:addr=192.0.2.9/29":      "192.0.2.9/29 192.0.2.10",
		"tun:addr=192.0.2.11/29":     "192.0.2.11/29 192.0.2.9",
		"tun:addr=192.0.2.2/31":      "192.0.2.2/31 192.0.2.3", // RFC 3021: no address of a /31 is special
		"tun:addr=192.0.2.3/31":      "192.0.2.3/31 192.0.2.2",
		"private,peer=10.77.0.200":   "10.77.0.2/24 10.77.0.200",
		"private:addr=10.77.0.99/24": "10.77.0.99/24 10.77.0.1",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if a, p := s.addrs(); a.String()+" "+p.String() != want {
			t.Errorf("%s: %v %v; want %s", text, a, p, want)
		}
	}
}

// TestString: one form for each description, which Parse reads as the same.
func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"private":                              "private",
		"private:mtu=1400":                     "private,mtu=1400",
		"loopback,delay=1000ms":                "loopback,delay=1s",
		"kernel":                               "kernel",
		"tun,dev=tun0":                         "tun:dev=tun0",
		"private,seed=7,pcap=x,loss=1%":        "private,loss=1%,seed=7,pcap=x",
		"tun:peer=192.0.2.1,addr=192.0.2.2/8":  "tun:addr=192.0.2.2/8,peer=192.0.2.1",
		"private,rate=1mbit,queue=9,queue=1kB": "private,rate=1mbit,queue=9,queue=1kB",
		"loopback:hosts=h,dns=10.0.0.1:53+10.0.0.2:5353,pcap=x": "loopback,pcap=x,dns=10.0.0.1+10.0.0.2:5353,hosts=h",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s.String() != want {
			t.Errorf("%s is %s; want %s", text, s, want)
		}
	}
}

// TestParseErrors: each says which piece is wrong, and what would be right.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   `no kind is called "": use private, tun, loopback or kernel`,
		"tap":                                `no kind is called "tap": use private, tun, loopback or kernel`,
		"private,":                           `a setting such as mtu=1500 must follow the ","`,
		"private,mtu":                        `"mtu" is no setting: write KEY=VALUE, such as mtu=1500`,
		"private,mtu=1500,,":                 `"" is no setting`,
		"private,mtu=9,":                     "mtu=9: an MTU is 68 to 65535 octets: write mtu=1500",
		"private,mtu=1500,mtu=1500":          "mtu is given twice: leave one out",
		"private,los=1%":                     `los=1%: no setting is called "los": there are addr, peer,`,
		"private,loss=1":                     "loss=1: not a percentage: write one such as 1%",
		"private,queue=9":                    "write rate=100mbit, too",
		"private,dev=tun0":                   "dev=tun0: a private network has no device to name: leave it out, or",
		"tun:dev=a/b":                        "write dev=tun0",
		"tun:dev=abcdefghijklmnop":           "at most 15 characters",
		"tun:addr=10.0.0.1":                  "write addr=10.77.0.2/24",
		"tun:addr=fe80::1/64":                "no IPv4 address",
		"tun:addr=10.0.0.1/32":               "no room for two ends",
		"tun:peer=x":                         "write peer=10.77.0.1",
		"tun:peer=192.0.2.1":                 "peer=192.0.2.1 is not in the network of addr=10.77.0.2/24: give both",
		"tun:addr=10.0.0.1/8,peer=10.0.0.1":  "addr and peer are the same address",
		"tun:path=quick":                     "write path=fast or path=portable",
		"loopback,addr=10.0.0.1/8":           "a loopback network has no addr: leave it out, or use private or tun",
		"kernel,loss=1%":                     "packets of the kernel network don't pass here",
		"kernel,pcap=x":                      "packets of the kernel network don't pass here",
		"kernel,dns=10.0.0.1":                "dns=10.0.0.1: the kernel network goes by the system's names: leave it out, or",
		"kernel,hosts=x":                     "hosts=x: the kernel network goes by the system's names",
		"loopback,dns=x":                     `dns=x: "x" is no IPv4 address, with or without a port: write dns=10.77.0.53`,
		"loopback,dns=10.0.0.1+":             `dns=10.0.0.1+: "" is no IPv4 address`,
		"loopback,dns=10.0.0.1:0":            `"10.0.0.1:0" is no IPv4 address`,
		"loopback,dns=::1":                   `"::1" is no IPv4 address`,
		"loopback,dns=10.0.0.1,dns=10.0.0.2": "dns is given twice: leave one out",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

// FuzzParse: no text panics, and what is understood has a form that means the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"private", "kernel", "loopback,mtu=9000", "tun:dev=tun0,addr=192.0.2.2/30,peer=192.0.2.1,mtu=9000,path=fast",
		"private,loss=1%,burst=1%/25%/100%/1%,delay=20ms,jitter=5ms,rate=100mbit,queue=10,queue=64kB,seed=7",
		"private,reorder=1%/3/10ms,duplicate=1%,corrupt=0.1%,direction=in,pcap=a=b", "private:",
		"loopback,dns=10.0.0.1+10.0.0.2:5353,hosts=/etc/hosts", "tun:dns=+,hosts==", "private,dns=1.2.3.4:0",
		"tun,=,", ",", ":",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Fatalf("%q is %q, which is wrong: %v", text, s, err)
		}
		if again.String() != s.String() {
			t.Fatalf("%q is %q, which is %q", text, s, again)
		}
	})
}
