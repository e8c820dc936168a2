package main

import (
	"fmt"
	"math"
	"sync"

	"github.com/anishathalye/porcupine"
)

// A group is a few keys that a bounded number of operations is made on; then it is judged.
type group struct {
	names [keysInGroup]string

	mutex sync.Mutex
	// begun and open count operations; no more than the limit begin.
	begun, open, limit int
	isTaken            bool
	tokens             uint32
	// held has the last token that each client was granted for each key.
	held    map[[2]int]uint32
	history []porcupine.Operation
}

func newGroup(run string, number, limit int) *group {
	g := &group{limit: limit, held: map[[2]int]uint32{}}
	for key := range g.names {
		g.names[key] = fmt.Sprintf("%s:%d:%c", run, number, 'a'+key)
	}
	// Groups use tokens of different lengths.
	g.tokens = uint32(number) * 1000 % (math.MaxUint32 / 2)
	return g
}

// begin tells whether so many more operations may be made.
func (g *group) begin(operations int) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.begun+operations > g.limit {
		return false
	}
	g.begun += operations
	g.open += operations
	return true
}

// end notes what became of an operation. A read that nobody saw the reply of tells nothing, and
// neither does the watch of a connection that has ended.
func (g *group) end(in *input, came *reply) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if came != nil || !commands[in.op.kind].reads && in.op.kind != watch {
		g.history = append(g.history, porcupine.Operation{
			ClientId: in.client, Input: in, Call: in.call, Output: output(came), Return: in.end,
		})
	}
	// Whoever was not answered may hold the lock.
	if in.op.token != 0 && (came == nil || !came.isRefusal()) {
		for _, key := range in.op.keys {
			g.held[[2]int{in.client, key}] = in.op.token
		}
	}
	g.open--
}

// cancel gives back operations that were not made.
func (g *group) cancel(operations int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.open -= operations
}

// close lets no more operations begin.
func (g *group) close() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.limit = g.begun
}

// takeOver tells once that all operations have ended and no more can begin.
func (g *group) takeOver() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	isOver := g.open == 0 && g.begun == g.limit && !g.isTaken
	g.isTaken = g.isTaken || isOver
	return isOver
}

// restarted notes that the server began anew at this time.
func (g *group) restarted(at int64) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	in := &input{op: &operation{kind: restart}, call: at, end: at}
	g.history = append(g.history, porcupine.Operation{
		Input: in, Call: at, Output: output(&reply{kind: done}), Return: at,
	})
}

func (g *group) newToken() uint32 {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.tokens++
	return g.tokens
}

// tokenToCompare is mostly the one that the client holds, and else somebody's.
func (g *group) tokenToCompare(by *generator, key int) uint32 {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	client := by.client
	if by.random.IntN(4) == 0 {
		client = by.random.IntN(clientsMax)
	}
	return g.held[[2]int{client, key}]
}

// isRefusal is said of a reply after which nothing has changed.
func (r *reply) isRefusal() bool {
	return r.kind == nothing || r.kind == refusal || r.kind == integer && r.number <= 0
}
