package wire

const icmpChecksumAt = 2
