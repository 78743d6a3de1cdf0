package tcp

import "time"

// counters are what tcp_info and the shell's statistics want to know of one connection.
type counters struct {
	bytesAcked, bytesReceived uint64
	bytesRetrans              uint64

	segsIn, segsOut         uint32
	dataSegsIn, dataSegsOut uint32
	retransSegs, outOfOrder uint32

	dsacks                                 uint32
	undos, timeouts, fastRecoveries        uint16
	challengeAcks, pawsDropped, rcvDropped uint16
}

// Info is struct tcp_info of Linux as far as it applies, in Linux's units: microseconds, segments of SndMSS octets,
// milliseconds for the Last fields, octets for windows and Bytes fields. What Linux has no field for is at the end.
type Info struct {
	State       State
	CAState     uint8 // 0 open, 3 fast recovery, 4 loss recovery
	Retransmits uint8 // by the timer, since the last progress
	Probes      uint8 // keep-alive or zero-window probes that are unanswered
	Backoff     uint8
	Options     uint8 // bit 0 timestamps, 1 SACK, 2 window scale
	SndWScale   uint8
	RcvWScale   uint8

	RTO, ATO, SndMSS, RcvMSS          uint32
	Unacked, Sacked, Lost, Retrans    uint32
	LastDataSent, LastDataRecv        uint32
	LastAckRecv, PMTU                 uint32
	RTT, RTTVar, SndSsthresh, SndCwnd uint32
	AdvMSS, Reordering                uint32
	RcvSpace, RcvSsthresh             uint32
	TotalRetrans                      uint32
	BytesAcked, BytesReceived         uint64
	SegsOut, SegsIn                   uint32
	NotSentBytes, MinRTT              uint32
	DataSegsIn, DataSegsOut           uint32
	BytesSent, BytesRetrans           uint64
	DSACKDups, SndWnd, RcvWnd         uint32
	RcvOOOPack                        uint32

	Timeouts, FastRecoveries, Undos uint32 // how often
	ChallengeAcks, PAWSDropped      uint32
	RcvDropped                      uint32 // segments beyond a hole for which there was no room
	CongestionControl               string
}

// Info returns what the connection is doing.
func (t *TCB) Info(now Time) Info {
	i := Info{State: t.State(), CAState: uint8(t.reco.mode), Retransmits: t.snd.retries, Probes: uint8(min(t.keep.probes, 255)),
		Backoff: t.rtt.backoff, SndWScale: t.snd.wscale, RcvWScale: t.rcv.wscale}
	if t.cfg == nil {
		return i
	}
	if t.snd.probing {
		i.Probes, i.Retransmits = t.snd.retries, 0
	}
	for bit, on := range [...]bool{t.ts.on, t.rcv.sackOK, t.rcv.wscaleOK} {
		if on {
			i.Options |= 1 << bit
		}
	}
	t.infoTimes(now, &i)
	t.infoWindows(&i)
	s := &t.stats
	i.TotalRetrans = s.retransSegs
	i.BytesAcked, i.BytesReceived = s.bytesAcked, s.bytesReceived
	i.BytesRetrans = s.bytesRetrans
	i.BytesSent = s.bytesAcked + uint64(t.snd.buf.len()-t.Unsent()) + s.bytesRetrans
	i.SegsIn, i.SegsOut, i.DataSegsIn, i.DataSegsOut = s.segsIn, s.segsOut, s.dataSegsIn, s.dataSegsOut
	i.DSACKDups, i.RcvOOOPack = s.dsacks, s.outOfOrder
	i.Timeouts, i.FastRecoveries, i.Undos = uint32(s.timeouts), uint32(s.fastRecoveries), uint32(s.undos)
	i.ChallengeAcks, i.PAWSDropped = uint32(s.challengeAcks), uint32(s.pawsDropped)
	i.RcvDropped = uint32(s.rcvDropped)
	if t.cong.cc != nil {
		i.CongestionControl = t.cong.cc.Name()
	}
	return i
}

func (t *TCB) infoTimes(now Time, i *Info) {
	us := func(d time.Duration) uint32 { return uint32(d / time.Microsecond) }
	since := func(at Time) uint32 { return uint32(now.Sub(at) / ms) }
	i.RTO, i.ATO = us(t.rtt.timeout(t.cfg)), uint32(t.rcv.ato)
	i.RTT, i.RTTVar, i.MinRTT = us(t.rtt.srtt), us(t.rtt.rttvar), us(t.rtt.min)
	i.LastDataSent, i.LastDataRecv, i.LastAckRecv = uint32(t.snd.last.age(now)/ms), since(t.rcv.last), since(t.heardAt)
}

func (t *TCB) infoWindows(i *Info) {
	smss := max(t.smss(), 1)
	segs := func(n int) uint32 { return uint32((n + smss - 1) / smss) }
	i.SndMSS, i.RcvMSS, i.AdvMSS = uint32(smss), uint32(t.rcv.segSize), uint32(t.rcv.mss)
	if t.ts.on {
		i.AdvMSS -= tsLen
	}
	i.PMTU = uint32(t.snd.pathMSS) + 40
	i.Unacked = segs(t.flight())
	i.Sacked = segs(t.reco.sacked() + int(t.reco.reno))
	if b := t.reco.board; b != nil {
		i.Lost, i.Retrans = segs(b.lost), segs(b.again)
	} else if t.reco.mode != open {
		i.Lost, i.Retrans = segs(t.before(t.reco.edge)), segs(t.before(t.reco.highRxt))
	}
	i.SndSsthresh = noSsthresh
	if t.cong.Ssthresh != noSsthresh {
		i.SndSsthresh = uint32(t.cong.Ssthresh / smss)
	}
	i.SndCwnd = uint32(t.cong.Cwnd / smss)
	i.Reordering = dupThresh
	i.RcvSpace, i.RcvSsthresh = uint32(t.rcv.limit), uint32(t.rcv.limit)
	i.NotSentBytes = uint32(t.Unsent())
	i.SndWnd, i.RcvWnd = uint32(t.snd.wnd), uint32(t.rcvWnd())
}
