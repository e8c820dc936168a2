package main

import "math/rand/v2"

// A generator draws the operations of one client. The same seed draws the same.
type generator struct {
	random *rand.Rand
	client int
}

// drawn has each kind as often as its weight says.
var drawn = func() (drawn []kind) {
	for i := range commands {
		for range commands[i].weight {
			drawn = append(drawn, kind(i))
		}
	}
	return drawn
}()

// inTransaction are the commands of transactions.
var inTransaction = [...]kind{setNX, setPX, get, pttl, pexpire, delexIfEqual, del, msetexNX, nativeRelease,
	luaAcquire, incr}

// One in so many operations is a script that parks.
const slowEvery = 2000

func newGenerator(seed uint64, client int) *generator {
	return &generator{random: rand.New(rand.NewPCG(seed, uint64(client))), client: client}
}

// operation draws one for a group.
func (g *generator) operation(group *group) *operation {
	drawnKind := drawn[g.random.IntN(len(drawn))]
	if g.random.IntN(slowEvery) == 0 {
		drawnKind = slowLuaAcquire + kind(g.random.IntN(2))
	}
	if drawnKind == transaction {
		return g.transaction(group, nil)
	}
	op := g.fill(drawnKind, group)
	return &op
}

// transaction draws one that depends on watched keys, if there are any.
func (g *generator) transaction(group *group, watched []int) *operation {
	op := operation{kind: transaction, watched: watched}
	for range 1 + g.random.IntN(4) {
		op.parts = append(op.parts, g.fill(inTransaction[g.random.IntN(len(inTransaction))], group))
	}
	return &op
}

func (g *generator) fill(drawnKind kind, group *group) operation {
	first := g.random.IntN(counter)
	op := operation{kind: drawnKind, ttlMs: g.ttlMs()}
	switch commands[drawnKind].keys {
	case oneLock:
		op.keys = []int{first}
	case bothLocks:
		op.keys = []int{first, 1 - first}
	case lockAndCounter:
		op.keys = []int{first, counter}
	case counterAlone:
		op.keys = []int{counter}
	}
	op.token = group.newToken()
	op.compared = group.tokenToCompare(g, first)
	// The holder extends by its own token as often as it hands over to another one.
	if drawnKind == setIfEqual && g.random.IntN(2) == 0 {
		op.token = op.compared
	}
	return op
}

// ttlMs is mostly short, so that locks expire while they are wanted, and sometimes longer than a
// restart takes.
func (g *generator) ttlMs() int64 {
	switch draw := g.random.IntN(20); {
	case draw < 13:
		return 1 + g.random.Int64N(20)
	case draw < 17:
		return 20 + g.random.Int64N(180)
	default:
		return 1000 + g.random.Int64N(9000)
	}
}
