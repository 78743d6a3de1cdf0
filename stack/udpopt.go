package stack

import "syscall"

// udpOptions are what the options of a datagram socket say.
type udpOptions struct {
	rcvBuf, sndBuf     int // octets, as Linux counts: twice what was asked for
	reuse, broadcast   bool
	keepAlive          bool  // has no meaning without a connection, but can be set
	ttl, groupTTL, tos uint8 // of what is sent; the second to multicast groups
	frag               fragPolicy
	foreign            bool // IP_TRANSPARENT: the local address need not be own
}

func (o *udpOptions) init(c *Config) {
	o.rcvBuf, o.sndBuf = c.UDPRcvBuf, c.UDPSndBuf
	o.ttl = uint8(c.TTL)
	o.groupTTL = 1 // RFC 1112 section 6.1: what is for a group stays on the link unless told otherwise
	o.frag = fragWant
}

// ip is what goes into the IP header of a datagram to dst.
func (o *udpOptions) ip(dst addr4) ipOptions {
	if dst.multicast() {
		return ipOptions{ttl: o.groupTTL, tos: o.tos}
	}
	return ipOptions{ttl: o.ttl, tos: o.tos}
}

// Bounds of socket buffers, in octets as the user counts them.
const (
	minUDPBuf = 1152     // half of Linux's SOCK_MIN_RCVBUF
	maxUDPBuf = 16 << 20 // what one socket may hold
)

// bufOption is SO_RCVBUF and SO_SNDBUF: Linux doubles the value, to count its own expenses in.
func bufOption(v int) int { return 2 * min(max(v, minUDPBuf), maxUDPBuf) }

func (d *udpSocket) SetOpt(level, name, value int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	switch level {
	case syscall.SOL_SOCKET:
		return d.setSocketOpt(name, value)
	case syscall.IPPROTO_IP:
		if name == ipTransparent {
			return d.s.setTransparent(&d.opt.foreign, value)
		}
		return d.opt.setIP(name, value)
	}
	return syscall.ENOPROTOOPT
}

func (d *udpSocket) setSocketOpt(name, value int) error {
	switch name {
	case syscall.SO_REUSEADDR:
		d.opt.reuse = value != 0
		if d.hold != nil {
			d.s.udpPorts.setReuse(d.hold, d.opt.reuse)
		}
	case syscall.SO_BROADCAST:
		d.opt.broadcast = value != 0
	case syscall.SO_KEEPALIVE:
		d.opt.keepAlive = value != 0
	case syscall.SO_RCVBUF, syscall.SO_RCVBUFFORCE:
		d.opt.rcvBuf = bufOption(value)
	case syscall.SO_SNDBUF, syscall.SO_SNDBUFFORCE:
		d.opt.sndBuf = bufOption(value)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// setIP sets an option of the level IPPROTO_IP.
func (o *udpOptions) setIP(name, value int) error {
	switch name {
	case syscall.IP_TOS:
		o.tos = uint8(value)
	case syscall.IP_TTL:
		return setTTL(&o.ttl, value, 64)
	case syscall.IP_MULTICAST_TTL:
		return setTTL(&o.groupTTL, value, 1)
	case syscall.IP_MTU_DISCOVER:
		if value < int(fragNever) || value > int(fragProbe) {
			return syscall.EINVAL
		}
		o.frag = fragPolicy(value)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// setTTL sets a time to live; -1 stands for the default.
func setTTL(p *uint8, value int, def uint8) error {
	switch {
	case value == -1:
		*p = def
	case value < 1 || value > 255:
		return syscall.EINVAL
	default:
		*p = uint8(value)
	}
	return nil
}

func (d *udpSocket) Opt(level, name int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, ErrClosed
	}
	switch level {
	case syscall.SOL_SOCKET:
		return d.socketOpt(name)
	case syscall.IPPROTO_IP:
		return d.ipOpt(name)
	}
	return 0, syscall.ENOPROTOOPT
}

// SO_PROTOCOL and SO_DOMAIN are numbers that package syscall doesn't have.
const (
	soProtocol = 38
	soDomain   = 39
)

func (d *udpSocket) socketOpt(name int) (int, error) {
	switch name {
	case syscall.SO_TYPE:
		return syscall.SOCK_DGRAM, nil
	case soProtocol:
		return syscall.IPPROTO_UDP, nil
	case soDomain:
		return syscall.AF_INET, nil
	case syscall.SO_ERROR:
		e := d.err
		d.err = 0
		return int(e), nil
	case syscall.SO_REUSEADDR:
		return flag(d.opt.reuse), nil
	case syscall.SO_BROADCAST:
		return flag(d.opt.broadcast), nil
	case syscall.SO_KEEPALIVE:
		return flag(d.opt.keepAlive), nil
	case syscall.SO_ACCEPTCONN:
		return 0, nil
	case syscall.SO_RCVBUF:
		return d.opt.rcvBuf, nil
	case syscall.SO_SNDBUF:
		return d.opt.sndBuf, nil
	}
	return 0, syscall.ENOPROTOOPT
}

func (d *udpSocket) ipOpt(name int) (int, error) {
	switch name {
	case syscall.IP_TOS:
		return int(d.opt.tos), nil
	case syscall.IP_TTL:
		return int(d.opt.ttl), nil
	case syscall.IP_MULTICAST_TTL:
		return int(d.opt.groupTTL), nil
	case syscall.IP_MTU_DISCOVER:
		return int(d.opt.frag), nil
	case ipTransparent:
		return flag(d.opt.foreign), nil
	case syscall.IP_MTU:
		if !d.connected {
			return 0, syscall.ENOTCONN
		}
		p, err := d.s.route(d.local.Addr(), d.remote.Addr())
		return p.mtu, err
	}
	return 0, syscall.ENOPROTOOPT
}

// flag is a boolean option's value.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
