package likenet

import "strings"

// Name is a host's name in lower case, of ASCII only: another letter is another name (RFC 4343). The dot at its end is
// left out; the root remains ".".
func Name(s string) string {
	if s != "." {
		s = strings.TrimSuffix(s, ".")
	}
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
