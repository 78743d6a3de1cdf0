package wire

import "errors"

// The reasons why a parser refuses bytes. Each is distinct, so that who drops a packet can count it by its reason.
var (
	ErrTruncated      = errors.New("packet ends before its headers say")
	ErrVersion        = errors.New("IP version is not 4")
	ErrHeaderLength   = errors.New("IP header length is below 20")
	ErrTotalLength    = errors.New("IP total length is below the header's")
	ErrHeaderChecksum = errors.New("IP header checksum is wrong")
	ErrIPOption       = errors.New("IP option is malformed")
	ErrFragment       = errors.New("packet is a fragment")
	ErrProtocol       = errors.New("transport protocol is not known here")
	ErrDataOffset     = errors.New("TCP data offset is out of range")
	ErrLength         = errors.New("UDP length is out of range")
	ErrChecksum       = errors.New("checksum is wrong")
)
