package main

import (
	"math"

	"github.com/anishathalye/porcupine"
)

// keysInGroup is how many keys are judged together: two locks and a counter.
const keysInGroup = 3

// counter is the key of a group whose value is a number and not a token.
const counter = 2

// never is the deadline of a key that has none.
const never = math.MaxInt64

// restartRoundingUs is what a restart may add to a deadline: the append-only file has it in
// milliseconds, rounded up.
const restartRoundingUs = 1000

// A cell is what is known of one key. Its deadline lies in [earliest, latest], in microseconds of
// the boot clock: the server computed it from a reading of that clock which was taken somewhere
// between the request and its reply. Every later reply tells more about it and narrows the interval.
type cell struct {
	// value is the token, or the number of a counter; 0 where there is no key.
	value            uint32
	earliest, latest int64
}

// A state is what is known of a group of keys. A set bit of watches says that the client watches
// the key and that nobody has changed the key since (see watchBit).
type state struct {
	cells   [keysInGroup]cell
	watches uint64
}

// A world is a state in the middle of an operation. The operation read the clock once, in
// [sampleMin, sampleMax]; it ended by `end` at the latest.
type world struct {
	state
	sampleMin, sampleMax, end int64
}

// watchBit is the bit for a client that watches a key.
func watchBit(client, key int) uint64 {
	return 1 << (client*keysInGroup + key)
}

// clientsMax is how many clients have a bit for each key.
const clientsMax = 64 / keysInGroup

// touch ends every watch of a key.
func (w *world) touch(key int) {
	for client := range clientsMax {
		w.watches &^= watchBit(client, key)
	}
}

func (w *world) remove(key int) {
	w.cells[key] = cell{}
	w.touch(key)
}

// set gives a key a value, and a deadline ttlMs after the operation's reading of the clock; with
// `never` it has none.
func (w *world) set(key int, value uint32, ttlMs int64) {
	w.cells[key] = cell{value: value, earliest: never, latest: never}
	if ttlMs != never {
		w.cells[key].earliest = w.sampleMin + ttlMs*1000
		w.cells[key].latest = w.sampleMax + ttlMs*1000
	}
	w.touch(key)
}

// look branches into what an operation may find at a key. It is there if the reading of the clock
// lies before the deadline, so it is never seen late. It is gone if the deadline can have come
// before the reply, so it is never seen to end early: whoever removed it had read a time that was
// not before the deadline.
func (w world) look(key int, there, gone func(world)) {
	known := w.cells[key]
	if known.value == 0 {
		gone(w)
		return
	}
	if known.latest > w.sampleMin {
		alive := w
		alive.cells[key].earliest = max(known.earliest, w.sampleMin+1)
		if known.latest != never {
			alive.sampleMax = min(w.sampleMax, known.latest-1)
		}
		there(alive)
	}
	if known.earliest <= w.end {
		expired := w
		expired.remove(key)
		gone(expired)
	}
}

// hash mixes all that two equal states have in common.
func (s state) hash() uint64 {
	sum := s.watches
	for _, known := range s.cells {
		for _, part := range [...]uint64{uint64(known.value), uint64(known.earliest), uint64(known.latest)} {
			sum = (sum ^ part) * 0x9e3779b97f4a7c15
			sum ^= sum >> 29
		}
	}
	return sum
}

// An input is an operation as the checker sees it.
type input struct {
	op     *operation
	client int
	// call and end are the times between which it happened, if it did.
	call, end int64
}

// An output is what an operation replied; nil where no reply came.
type output *reply

// next returns every state in which an operation that replied `expected` may leave a group.
func next(before state, in *input, expected *reply) []state {
	var after []state
	if expected == nil {
		after = append(after, before)
	}
	start := world{state: before, sampleMin: in.call, sampleMax: in.end, end: in.end}
	run(start, in.op, in.client, expected, func(w world) {
		for _, known := range after {
			if known == w.state {
				return
			}
		}
		after = append(after, w.state)
	})
	return after
}

// lockModel is what locks with a time to live promise, for porcupine.
var lockModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(before, in, out any) []any {
		after := next(before.(state), in.(*input), out.(output))
		states := make([]any, len(after))
		for i := range after {
			states[i] = after[i]
		}
		return states
	},
	Hash:              func(known any) uint64 { return known.(state).hash() },
	DescribeOperation: func(in, out any) string { return describe(in.(*input), out.(output)) },
}
