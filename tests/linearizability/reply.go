package main

import (
	"fmt"
	"strconv"
	"strings"
)

type replyKind uint8

const (
	// nothing is RESP's null.
	nothing replyKind = iota
	// done is OK.
	done
	// integer is a number, also one that came as the value of a counter.
	integer
	// value is a lock's token.
	value
	// list has the replies of a transaction or of MGET.
	list
	// refusal is an error that the server may answer.
	refusal
	// other is what no model expects; the text tells what came.
	other
	// timeLeft stands in the model alone: an integer, the rest of the time of the key `number`.
	timeLeft
)

// A reply is what came back, or what the model says may come back.
type reply struct {
	kind   replyKind
	number int64
	text   string
	parts  []reply
}

func integerReply(number int) reply { return reply{kind: integer, number: int64(number)} }

func listReply(parts ...reply) reply { return reply{kind: list, parts: parts} }

func boolReply(is bool) reply {
	if is {
		return integerReply(1)
	}
	return integerReply(0)
}

// valueReply is what a read of a key replies.
func (w *world) valueReply(key int) reply {
	switch known := w.cells[key]; {
	case known.value == 0:
		return reply{kind: nothing}
	case key == counter:
		return integerReply(int(known.value))
	default:
		return reply{kind: value, number: int64(known.value)}
	}
}

// allows tells whether `said` by the model is what came; nil is a reply that nobody saw. What came
// may tell more about a deadline.
func (w *world) allows(expected *reply, said reply) bool {
	if expected == nil {
		return true
	}
	if said.kind == timeLeft {
		return expected.kind == integer && w.narrow(int(said.number), expected.number)
	}
	if expected.kind != said.kind || expected.number != said.number || expected.text != said.text ||
		len(expected.parts) != len(said.parts) {
		return false
	}
	for i := range said.parts {
		if !w.allows(&expected.parts[i], said.parts[i]) {
			return false
		}
	}
	return true
}

// narrow notes that a key has so many milliseconds left, which are rounded up.
func (w *world) narrow(key int, leftMs int64) bool {
	known := &w.cells[key]
	if known.earliest == never || leftMs < 1 {
		return known.earliest == never && leftMs == -1
	}
	known.earliest = max(known.earliest, w.sampleMin+(leftMs-1)*1000+1)
	known.latest = min(known.latest, w.sampleMax+leftMs*1000)
	return known.earliest <= known.latest
}

// Every token has a value of its own. Most are as short as a lock library's; some are too long for
// an entry, and a few for the ring in front of the append-only file, with a request among them.
func tokenText(token uint32) string {
	text := fmt.Sprintf("t%d.", token)
	switch {
	case token%20011 == 0:
		return text + strings.Repeat("*1\r\n$4\r\nPING\r\n", 50_000)
	case token%61 == 0:
		return text + strings.Repeat("long", 75)
	case token%5 == 0:
		return text + strings.Repeat("=", 36)
	}
	return text
}

// textReply reads a value back: a counter's, or a token's to the last byte.
func textReply(text string) reply {
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		return reply{kind: integer, number: number}
	}
	if digits, _, ok := strings.Cut(strings.TrimPrefix(text, "t"), "."); ok {
		if token, err := strconv.ParseUint(digits, 10, 32); err == nil && tokenText(uint32(token)) == text {
			return reply{kind: value, number: int64(token)}
		}
	}
	return reply{kind: other, text: fmt.Sprintf("%.60q", text)}
}

func (r reply) String() string {
	switch r.kind {
	case nothing:
		return "nil"
	case done:
		return "OK"
	case integer, timeLeft:
		return strconv.FormatInt(r.number, 10)
	case value:
		return fmt.Sprintf("t%d", r.number)
	case list:
		parts := make([]string, len(r.parts))
		for i, part := range r.parts {
			parts[i] = part.String()
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		return r.text
	}
}
