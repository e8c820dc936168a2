package main

import (
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// at makes an operation of a client that lasted from a time to another, in microseconds.
func at(client int, call, end int64, op operation, came *reply) porcupine.Operation {
	return porcupine.Operation{
		ClientId: client, Input: &input{op: &op, client: client, call: call, end: end}, Call: call,
		Output: output(came), Return: end,
	}
}

func on(kind kind, keys ...int) operation { return operation{kind: kind, keys: keys} }

func (op operation) by(token uint32) operation      { op.token = token; return op }
func (op operation) compare(token uint32) operation { op.compared = token; return op }
func (op operation) ms(ttlMs int64) operation       { op.ttlMs = ttlMs; return op }
func (op operation) of(parts ...operation) operation {
	op.parts = parts
	return op
}
func (op operation) watching(keys ...int) operation { op.watched = keys; return op }

var (
	null = &reply{kind: nothing}
	ok   = &reply{kind: done}
	no   = number(0)
	yes  = number(1)
)

func number(n int) *reply { came := integerReply(n); return &came }

func token(n int64) *reply { return &reply{kind: value, number: n} }

func several(parts ...*reply) *reply {
	came := &reply{kind: list}
	for _, part := range parts {
		came.parts = append(came.parts, *part)
	}
	return came
}

// Lock a, for 10 ms from a time between 0 and 100.
var taken = at(0, 0, 100, on(setNX, 0).by(1).ms(10), ok)

type history = []porcupine.Operation

// Each promise, in a history that keeps it and in one that does not and is otherwise alike.
var promises = []struct {
	name           string
	kept, violated history
}{
	{"a lock is granted once",
		history{taken, at(1, 200, 300, on(setNX, 0).by(2).ms(10), null)},
		history{taken, at(1, 200, 300, on(setNX, 0).by(2).ms(10), ok)}},
	{"a second grant comes no microsecond before the earliest deadline",
		history{taken, at(1, 200, 10_000, on(setNX, 0).by(2).ms(10), ok)},
		history{taken, at(1, 200, 9_999, on(setNX, 0).by(2).ms(10), ok)}},
	{"a lock is not gone a microsecond early",
		history{taken, at(1, 200, 10_000, on(get, 0), null)},
		history{taken, at(1, 200, 9_999, on(get, 0), null)}},
	{"a lock is not seen a microsecond late",
		history{taken, at(1, 10_099, 10_500, on(get, 0), token(1))},
		history{taken, at(1, 10_100, 10_500, on(get, 0), token(1))}},
	{"a refusal after the latest deadline is late too",
		history{taken, at(1, 10_099, 10_500, on(setNX, 0).by(2).ms(5), null)},
		history{taken, at(1, 10_100, 10_500, on(setNX, 0).by(2).ms(5), null)}},
	{"what was seen alive narrows the deadline for all that follows",
		history{taken, at(1, 10_090, 10_091, on(get, 0), token(1)), at(2, 10_092, 10_100, on(get, 0), null)},
		history{taken, at(1, 10_050, 10_051, on(get, 0), null), at(2, 10_052, 10_053, on(get, 0), token(1))}},
	{"a release is not lost",
		history{taken, at(0, 200, 300, on(delexIfEqual, 0).compare(1), yes), at(1, 400, 500, on(get, 0), null)},
		history{taken, at(0, 200, 300, on(delexIfEqual, 0).compare(1), yes), at(1, 400, 500, on(get, 0), token(1))}},
	{"a release compares",
		history{taken, at(1, 200, 300, on(nativeRelease, 0).compare(2), no), at(1, 400, 500, on(get, 0), token(1))},
		history{taken, at(1, 200, 300, on(nativeRelease, 0).compare(2), yes)}},
	{"a failed release of the holder is one too few",
		history{taken, at(0, 200, 300, on(delifeq, 0).compare(1), yes)},
		history{taken, at(0, 200, 300, on(delifeq, 0).compare(1), no)}},
	{"an extension counts",
		history{taken, at(0, 200, 300, on(luaExtend, 0).compare(1).ms(30), yes), at(1, 20_000, 20_100, on(get, 0), token(1))},
		history{taken, at(0, 200, 300, on(luaExtend, 0).compare(1).ms(30), yes), at(1, 20_000, 20_100, on(get, 0), null)}},
	{"a shorter time to live counts as well",
		history{taken, at(0, 200, 300, on(pexpire, 0).ms(1), yes), at(1, 1_300, 1_400, on(get, 0), null)},
		history{taken, at(0, 200, 300, on(pexpire, 0).ms(1), yes), at(1, 1_300, 1_400, on(get, 0), token(1))}},
	{"PTTL is rounded up",
		history{taken, at(1, 1_000, 1_000, on(pttl, 0), number(10))},
		history{taken, at(1, 1_101, 1_101, on(pttl, 0), number(10))}},
	{"PTTL is no millisecond short",
		history{taken, at(1, 1_000, 1_000, on(pttl, 0), number(9))},
		history{taken, at(1, 999, 999, on(pttl, 0), number(9))}},
	{"a persistent lock has no deadline",
		history{taken, at(0, 200, 300, on(persist, 0), yes), at(1, 99_000, 99_100, on(pttl, 0), number(-1))},
		history{taken, at(0, 200, 300, on(persist, 0), yes), at(1, 99_000, 99_100, on(pttl, 0), number(-2))}},
	{"MSETEX NX sets all keys or none",
		history{taken, at(1, 200, 300, on(msetexNX, 0, 1).by(2).ms(10), no), at(1, 400, 500, on(get, 1), null)},
		history{taken, at(1, 200, 300, on(msetexNX, 0, 1).by(2).ms(10), no), at(1, 400, 500, on(get, 1), token(2))}},
	{"MGET sees one moment",
		history{at(0, 0, 900, on(msetnx, 0, 1).by(3), yes), at(1, 100, 200, on(mget, 0, 1), several(token(3), token(3)))},
		history{at(0, 0, 900, on(msetnx, 0, 1).by(3), yes), at(1, 100, 200, on(mget, 0, 1), several(null, token(3)))}},
	{"a moved lock keeps its deadline",
		history{taken, at(0, 200, 300, on(rename, 0, 1), ok), at(1, 10_000, 10_001, on(get, 1), null)},
		history{taken, at(0, 200, 300, on(rename, 0, 1), ok), at(1, 9_000, 9_001, on(get, 1), null)}},
	{"a fencing number only grows",
		history{at(0, 0, 100, on(luaFence, 0, 2).by(1).ms(1), yes), at(1, 2_000, 2_100, on(nativeFence, 0, 2).by(2).ms(1), number(2))},
		history{at(0, 0, 100, on(luaFence, 0, 2).by(1).ms(1), yes), at(1, 2_000, 2_100, on(nativeFence, 0, 2).by(2).ms(1), yes)}},
	{"a transaction is one",
		history{at(0, 0, 900, operation{kind: transaction}.of(on(setPX, 0).by(1).ms(50), on(setPX, 0).by(2).ms(50)), several(ok, ok)),
			at(1, 100, 200, on(get, 0), token(2))},
		history{at(0, 0, 900, operation{kind: transaction}.of(on(setPX, 0).by(1).ms(50), on(setPX, 0).by(2).ms(50)), several(ok, ok)),
			at(1, 100, 200, on(get, 0), token(1))}},
	{"a watched key that has changed ends a transaction",
		history{at(0, 0, 100, on(watch, 0), ok), at(1, 200, 300, on(setNX, 0).by(1).ms(50), ok),
			at(0, 400, 500, operation{kind: transaction}.of(on(get, 1)).watching(0), null)},
		history{at(0, 0, 100, on(watch, 0), ok), at(1, 200, 300, on(setNX, 0).by(1).ms(50), ok),
			at(0, 400, 500, operation{kind: transaction}.of(on(get, 1)).watching(0), several(null))}},
	{"a watched key that has expired ends a transaction",
		history{taken, at(1, 200, 300, on(watch, 0), ok),
			at(1, 10_200, 10_300, operation{kind: transaction}.of(on(get, 1)).watching(0), null)},
		history{taken, at(1, 200, 300, on(watch, 0), ok),
			at(1, 10_200, 10_300, operation{kind: transaction}.of(on(get, 1)).watching(0), several(null))}},
	{"a watched key that nobody has changed does not",
		history{taken, at(1, 200, 300, on(watch, 0), ok),
			at(1, 400, 500, operation{kind: transaction}.of(on(get, 0)).watching(0), several(token(1)))},
		history{taken, at(1, 200, 300, on(watch, 0), ok),
			at(1, 400, 500, operation{kind: transaction}.of(on(get, 0)).watching(0), null)}},
	{"an unanswered grant may have happened, once",
		history{at(0, 0, 100, on(setNX, 0).by(1).ms(10), nil), at(1, 200, 300, on(setNX, 0).by(2).ms(10), null)},
		history{at(0, 0, 100, on(setNX, 0).by(1).ms(10), nil), at(1, 200, 300, on(getdel, 0), token(1)),
			at(1, 400, 500, on(get, 0), token(1))}},
	{"an unanswered grant may not have happened, and not later either",
		history{at(0, 0, 100, on(setNX, 0).by(1).ms(10), nil), at(1, 200, 300, on(get, 0), null)},
		history{at(0, 0, 100, on(setNX, 0).by(1).ms(10), nil), at(1, 200, 300, on(get, 0), null),
			at(1, 400, 500, on(get, 0), token(1))}},
	{"a lock survives a restart",
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 600, 700, on(setNX, 0).by(2).ms(1), null)},
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 600, 700, on(setNX, 0).by(2).ms(1), ok)}},
	{"a restart adds at most a millisecond to a deadline",
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 11_099, 11_200, on(get, 0), token(1))},
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 11_100, 11_200, on(get, 0), token(1))}},
	{"a restart takes nothing of a deadline",
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 9_000, 10_000, on(get, 0), null)},
		history{taken, at(0, 500, 500, operation{kind: restart}, ok), at(1, 9_000, 9_999, on(get, 0), null)}},
	{"a reply that no model knows is a violation",
		history{taken},
		history{at(0, 0, 100, on(setNX, 0).by(1).ms(10), &reply{kind: other, text: "ERR internal"})}},
}

func TestEveryPromiseIsToldFromItsViolation(t *testing.T) {
	for _, promise := range promises {
		if found := check(promise.kept); found != porcupine.Ok {
			t.Errorf("%s: the history that keeps it is %s", promise.name, found)
		}
		if found := check(promise.violated); found != porcupine.Illegal {
			t.Errorf("%s: the history that violates it is %s", promise.name, found)
		}
	}
}

func TestAViolationIsToldByWhatMakesIt(t *testing.T) {
	long := history{
		at(0, 0, 10, on(setNX, 0).by(7).ms(1), ok),
		at(1, 20, 30, on(get, 0), token(7)),
		at(0, 40, 50, on(del, 0), yes),
		at(0, 60, 70, on(setNX, 0).by(1).ms(10), ok),
		at(1, 80, 90, on(get, 0), token(1)),
		at(1, 100, 110, on(incr, 2), yes),
		at(2, 120, 130, on(setNX, 0).by(2).ms(10), ok),
		at(1, 140, 150, on(get, 0), token(2)),
		at(1, 160, 170, on(del, 0), yes),
	}
	told := table(shrink(long))
	if lines := strings.Count(told, "\n"); lines != 3 || strings.Contains(told, "t7") || !strings.Contains(told, "t2") {
		t.Errorf("told in %d lines:\n%s", lines, told)
	}
}

func TestAValueIsReadBackToItsLastByte(t *testing.T) {
	for _, known := range []uint32{1, 5, 61, 20011} {
		text := tokenText(known)
		if came := textReply(text); came.kind != value || came.number != int64(known) {
			t.Errorf("token %d is read as %v", known, came)
		}
		if came := textReply(text[:len(text)-1]); came.kind != other {
			t.Errorf("token %d without its last byte is read as %v", known, came)
		}
	}
}
