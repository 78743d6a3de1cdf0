package script

import (
	"regexp"
	"strconv"
	"strings"
)

// headFlag takes one --name=value of the kind that packetdrill takes on its command line and allows in a script.
func (p *parser) headFlag(s *Script) bool {
	at := p.tok.pos
	if !p.is("-") || !p.tok.newline {
		return false
	}
	p.advance()
	if !p.is("-") || !p.tok.glued {
		p.expected("-- and a flag's name")
	}
	p.advance()
	name := p.ident("a flag's name").text
	value := ""
	if p.is("=") {
		value = strings.TrimSpace(p.restOfLine())
		p.advance()
	}
	s.Settings = append(s.Settings, Setting{at, name, value})
	return true
}

// restOfLine takes the text after the current token, which must be the last one read.
func (p *parser) restOfLine() string {
	text, _, _ := strings.Cut(p.rest(), "\n")
	p.skip(len(text))
	return text
}

var directive = regexp.MustCompile(`^(?://|#)\s*(RFC|Linux|config):\s*(.*?)\s*$`)

// head reads the directives among the comments; first is where the first event is.
func (p *parser) head(s *Script, first Pos) {
	for _, c := range p.comments {
		m := directive.FindStringSubmatch(c.text)
		if m == nil {
			continue
		}
		if c.pos.Line >= first.Line {
			p.fail(c.pos, "%s: belongs in the script's head, before the first event", m[1])
		}
		switch at := c.pos; m[1] {
		case "RFC":
			tags, err := ParseTags(m[2])
			if err != "" {
				p.fail(at, "%s", err)
			}
			for _, t := range tags {
				t.Pos = at
				s.Tags = append(s.Tags, t)
			}
		case "Linux":
			p.linux(s, at, m[2])
		case "config":
			p.config(s, at, m[2])
		}
	}
}

func (p *parser) linux(s *Script, at Pos, text string) {
	why, differs := strings.CutPrefix(text, "differs:")
	switch {
	case text == "slow":
		s.Linux.Slow = true
	case differs && strings.TrimSpace(why) != "":
		if s.Linux.Differs != "" {
			s.Linux.Differs += " "
		}
		s.Linux.Differs += strings.TrimSpace(why)
	default:
		p.fail(at, `bad "Linux:" %q, expected "slow" or "differs: in what and why"`, text)
	}
}

func (p *parser) config(s *Script, at Pos, text string) {
	for w := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(w), "=")
		if name == "" {
			p.fail(at, `bad "config:" %q, expected name=value or name, separated by commas`, text)
		}
		s.Settings = append(s.Settings, Setting{at, strings.TrimSpace(name), strings.TrimSpace(value)})
	}
}

var tagID = regexp.MustCompile(`^(?:(?:MUST|SHLD|MAY|REC)-\d+|\d+(?:\.\d+)*)$`)

// ParseTags reads a list of requirements such as "9293 MUST-10, SHLD-3, 5961 3.2": the number of an RFC, then the names
// of its requirements, or the numbers of its sections. problem says what is wrong with it; "" if nothing is.
func ParseTags(text string) (tags []Tag, problem string) {
	rfc := 0
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 2 {
			n, err := strconv.Atoi(words[0])
			if err != nil || n <= 0 {
				return nil, "bad RFC number " + strconv.Quote(words[0]) + ", expected for instance 9293"
			}
			rfc, words = n, words[1:]
		}
		if len(words) != 1 || rfc == 0 {
			return nil, "bad requirement " + strconv.Quote(strings.TrimSpace(part)) +
				`, expected "9293 MUST-10" or, after an RFC's number was given, "MUST-10"`
		}
		if !tagID.MatchString(words[0]) {
			return nil, "bad requirement " + strconv.Quote(words[0]) + ", expected MUST-n, SHLD-n, MAY-n, REC-n or a section"
		}
		tags = append(tags, Tag{RFC: rfc, ID: words[0]})
	}
	return tags, ""
}
