package main

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// A flaw is what a server does wrong now and then.
type flaw string

const (
	none               flaw = "none"
	grantsTwice        flaw = "grants a lock that is held"
	endsEarly          flaw = "lets a lock end 2 ms early"
	endsLate           flaw = "lets a lock end 20 ms late"
	forgetsTTL         flaw = "forgets the time to live"
	losesRelease       flaw = "acknowledges a release and keeps the lock"
	doesNotCompare     flaw = "releases without comparing"
	losesExtension     flaw = "acknowledges an extension and keeps the deadline"
	readsOld           flaw = "answers GET with the value before"
	setsHalf           flaw = "sets half of MSETEX"
	ignoresWatch       flaw = "runs a transaction though a watched key has changed"
	breaksTransaction  flaw = "lets others in between a transaction's requests"
	repeatsNumber      flaw = "gives a fencing number twice"
	forgetsOnRestart   flaw = "forgets everything in a restart"
	forgetsLast        flaw = "forgets the last change in a restart"
	shortensOnRestart  flaw = "takes 50 ms from the deadlines in a restart"
	resurrects         flaw = "brings a released lock back in a restart"
	answersFromTheDead flaw = "applies an unanswered request after the restart"
)

// A simulation is a server in memory with a clock of its own. What it does is written apart from
// the model: where the two disagree, one of them is wrong.
type simulation struct {
	random *rand.Rand
	flaw   flaw
	now    int64
	values [keysInGroup]uint32
	// deadlines is 0 where there is none.
	deadlines [keysInGroup]int64
	// changes counts those of each key, for WATCH.
	changes  [keysInGroup]int
	watched  map[int]map[int]int
	previous [keysInGroup]uint32
	undo     func()
	released func()
	late     []*operation
}

// errs tells whether the flaw shows this time.
func (s *simulation) errs(flaw flaw) bool { return s.flaw == flaw && s.random.IntN(3) == 0 }

func (s *simulation) expire() {
	for key, deadline := range s.deadlines {
		if deadline != 0 && deadline <= s.now {
			s.put(key, 0, 0)
		}
	}
}

func (s *simulation) put(key int, value uint32, deadline int64) {
	oldValue, oldDeadline := s.values[key], s.deadlines[key]
	s.undo = func() { s.values[key], s.deadlines[key] = oldValue, oldDeadline }
	if value == 0 && oldValue != 0 && (oldDeadline == 0 || oldDeadline > s.now) {
		s.released = s.undo
	}
	s.previous[key] = oldValue
	s.values[key], s.deadlines[key] = value, deadline
	s.changes[key]++
}

func (s *simulation) set(key int, value uint32, ttlMs int64) {
	deadline := s.now + ttlMs*1000
	switch {
	case s.errs(endsEarly) && ttlMs > 2:
		deadline -= 2000
	case s.errs(endsLate):
		deadline += 20_000
	case s.errs(forgetsTTL):
		deadline = 0
	}
	s.put(key, value, deadline)
}

func (s *simulation) read(key int) reply {
	shown := s.values[key]
	if s.errs(readsOld) {
		shown = s.previous[key]
	}
	if shown == 0 {
		return *null
	}
	if key == counter {
		return *number(int(shown))
	}
	return *token(int64(shown))
}

// apply does one operation.
func (s *simulation) apply(op *operation, client int) reply {
	s.expire()
	var key int
	if len(op.keys) > 0 {
		key = op.keys[0]
	}
	held := s.values[key] != 0
	isHolder := held && (s.values[key] == op.compared || s.errs(doesNotCompare))
	switch op.kind {
	case setNX:
		if held && !s.errs(grantsTwice) {
			return *null
		}
		s.set(key, op.token, op.ttlMs)
		return *ok
	case get:
		return s.read(key)
	case mget:
		return *several(new(s.read(op.keys[0])), new(s.read(op.keys[1])))
	case pttl:
		switch {
		case !held:
			return *number(-2)
		case s.deadlines[key] == 0:
			return *number(-1)
		}
		return *number(int((s.deadlines[key] - s.now + 999) / 1000))
	case delexIfEqual:
		if !isHolder {
			return *no
		}
		if !s.errs(losesRelease) {
			s.put(key, 0, 0)
		}
		return *yes
	case nativeExtend:
		if !isHolder {
			return *no
		}
		if !s.errs(losesExtension) {
			s.put(key, s.values[key], s.now+op.ttlMs*1000)
		}
		return *yes
	case msetexNX:
		if s.values[0] != 0 || s.values[1] != 0 {
			return *no
		}
		for _, key := range op.keys {
			s.set(key, op.token, op.ttlMs)
			if s.errs(setsHalf) {
				break
			}
		}
		return *yes
	case incr:
		if !s.errs(repeatsNumber) {
			s.put(key, s.values[key]+1, 0)
		}
		return *number(int(max(s.values[key], 1)))
	case watch:
		s.watched[client] = map[int]int{key: s.changes[key]}
		return *ok
	}
	panic("no such operation here: " + op.String())
}

// begin is the first half of a transaction: whether it runs.
func (s *simulation) begin(op *operation, client int) bool {
	s.expire()
	watched := s.watched[client]
	delete(s.watched, client)
	for key := range op.watched {
		if watched[op.watched[key]] != s.changes[op.watched[key]] && !s.errs(ignoresWatch) {
			return false
		}
	}
	return true
}

func (s *simulation) restart() {
	s.watched = map[int]map[int]int{}
	switch {
	case s.flaw == forgetsOnRestart:
		s.values, s.deadlines = [keysInGroup]uint32{}, [keysInGroup]int64{}
	case s.flaw == forgetsLast && s.undo != nil:
		s.undo()
	case s.flaw == resurrects && s.released != nil:
		s.released()
	}
	for key, deadline := range s.deadlines {
		switch {
		case deadline == 0:
		case s.flaw == shortensOnRestart:
			s.deadlines[key] = max(1, deadline-50_000)
		default:
			s.deadlines[key] = (deadline + 999) / 1000 * 1000
		}
	}
	if s.flaw == answersFromTheDead {
		for _, op := range s.late {
			s.set(op.keys[0], op.token, op.ttlMs)
		}
	}
	s.late = nil
}

// A pending operation waits for the moment at which the server does it.
type pending struct {
	in     *input
	at     int64
	parts  int
	came   reply
	isDone bool
}

var simulated = [...]kind{setNX, setNX, setNX, get, mget, pttl, pttl, delexIfEqual, delexIfEqual, nativeExtend,
	nativeExtend, nativeExtend, msetexNX, msetexNX, incr, watch, transaction, transaction}

var inSimulatedTransaction = [...]kind{setNX, get, incr, delexIfEqual}

// play makes a history of so many operations by clients that overlap, with restarts.
func (s *simulation) play(clients, operations int) history {
	var played history
	group := newGroup("simulated", 1, operations)
	generators := make([]*generator, clients)
	running := make([]*pending, clients)
	watching := make([][]int, clients)
	for client := range generators {
		generators[client] = newGenerator(s.random.Uint64(), client)
	}
	finish := func(client int, came *reply) {
		ended := running[client]
		ended.in.end = s.now
		group.open++
		group.end(ended.in, came)
		running[client] = nil
		if ended.in.op.kind == transaction {
			watching[client] = nil
		}
		if ended.in.op.kind == watch && came != nil {
			watching[client] = ended.in.op.keys
		}
	}
	for begun := 0; begun < operations; {
		s.now += 1 + s.random.Int64N(400)
		if s.random.IntN(operations/2) == 0 {
			for client := range running {
				if running[client] == nil {
					continue
				}
				if op := running[client].in.op; op.kind == setNX && !running[client].isDone {
					s.late = append(s.late, op)
				}
				finish(client, nil)
			}
			clear(watching)
			s.now++
			s.restart()
			group.restarted(s.now)
			continue
		}
		client := s.random.IntN(clients)
		if busy := running[client]; busy != nil {
			if !busy.isDone {
				s.advance(busy, client)
			} else {
				finish(client, &busy.came)
			}
			continue
		}
		drawn := simulated[s.random.IntN(len(simulated))]
		if watching[client] != nil && s.random.IntN(2) == 0 {
			drawn = transaction
		}
		op := generators[client].fill(drawn, group)
		if drawn == transaction {
			op = operation{kind: transaction, watched: watching[client]}
			for range 1 + s.random.IntN(3) {
				kind := inSimulatedTransaction[s.random.IntN(len(inSimulatedTransaction))]
				op.parts = append(op.parts, generators[client].fill(kind, group))
			}
		}
		running[client] = &pending{in: &input{op: &op, client: client, call: s.now}}
		begun++
	}
	for client := range running {
		if running[client] != nil {
			if !running[client].isDone {
				running[client].in.op = &operation{kind: get, keys: []int{0}}
			}
			finish(client, nil)
		}
	}
	played = group.history
	slices.SortStableFunc(played, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	return played
}

// advance lets the server do an operation, or with a flaw a part of it.
func (s *simulation) advance(busy *pending, client int) {
	op := busy.in.op
	if op.kind != transaction {
		busy.came, busy.isDone = s.apply(op, client), true
		return
	}
	if busy.parts == 0 {
		if !s.begin(op, client) {
			busy.came, busy.isDone = *null, true
			return
		}
		busy.came = reply{kind: list}
	}
	for busy.parts < len(op.parts) {
		busy.came.parts = append(busy.came.parts, s.apply(&op.parts[busy.parts], client))
		busy.parts++
		if s.errs(breaksTransaction) {
			return
		}
	}
	busy.isDone = busy.parts == len(op.parts)
}

func simulate(flaw flaw, seed uint64) history {
	s := &simulation{
		random: rand.New(rand.NewPCG(seed, 0)), flaw: flaw, now: 1_000_000, watched: map[int]map[int]int{},
	}
	return s.play(5, operationsInGroup)
}

func TestAServerThatDoesAllRightIsBelieved(t *testing.T) {
	for seed := range uint64(400) {
		if played := simulate(none, seed); check(played) != porcupine.Ok {
			t.Fatalf("seed %d is not explained:\n%s", seed, table(shrink(played)))
		}
	}
}

func TestEveryFlawIsFound(t *testing.T) {
	const seeds = 100
	for _, flaw := range []flaw{grantsTwice, endsEarly, endsLate, forgetsTTL, losesRelease, doesNotCompare, losesExtension,
		readsOld, setsHalf, ignoresWatch, breaksTransaction, repeatsNumber, forgetsOnRestart, forgetsLast,
		shortensOnRestart, resurrects, answersFromTheDead} {
		found, first := 0, -1
		for seed := range uint64(seeds) {
			if isIllegal(simulate(flaw, seed)) {
				found++
				if first < 0 {
					first = int(seed)
				}
			}
		}
		t.Logf("a server that %s: found with %d of %d seeds, first with seed %d", flaw, found, seeds, first)
		if found == 0 {
			t.Errorf("a server that %s is believed", flaw)
		}
	}
}
