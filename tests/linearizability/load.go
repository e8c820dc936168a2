package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupsAtOnce keeps several clients at one group, and leaves several groups.
	groupsAtOnce = 4
	// operationsInGroup bounds what the checker has to decide at a time.
	operationsInGroup = 200
	// One in so many turns is a pipeline, and one is a transaction that watches.
	pipelineEvery = 4
	watchEvery    = 25
	pipelineMax   = 4
	// overTimeout is how soon after its connections the server itself is gone.
	overTimeout = 60 * time.Second
)

// A load is clients that make operations on groups of keys until it is stopped.
type load struct {
	server *server
	run    string
	stop   chan struct{}
	// stopOnce is for stop.
	stopOnce   sync.Once
	operations atomic.Int64
	limit      int64
	unanswered atomic.Int64
	// judge takes the groups whose operations have ended.
	judge func(*group)

	mutex  sync.Mutex
	number int
	slots  [groupsAtOnce]*group
	// live are the groups that are not judged yet.
	live    map[*group]bool
	failure error
}

func newLoad(server *server, run string, limit int64, judge func(*group)) *load {
	l := &load{server: server, run: run, stop: make(chan struct{}), limit: limit, judge: judge,
		live: map[*group]bool{}}
	for slot := range l.slots {
		l.slots[slot] = l.newGroup()
	}
	return l
}

func (l *load) newGroup() *group {
	l.number++
	made := newGroup(l.run, l.number, operationsInGroup)
	l.live[made] = true
	return made
}

// take reserves operations on the group of a slot, which another one replaces once it is full.
func (l *load) take(slot, operations int) *group {
	l.mutex.Lock()
	taken := l.slots[slot]
	var full *group
	if !taken.begin(operations) {
		full = taken
		taken = l.newGroup()
		taken.begin(operations)
		l.slots[slot] = taken
	}
	l.mutex.Unlock()
	if full != nil {
		full.close()
		l.judgeIfOver(full)
	}
	return taken
}

func (l *load) judgeIfOver(ended *group) {
	if !ended.takeOver() {
		return
	}
	l.mutex.Lock()
	delete(l.live, ended)
	l.mutex.Unlock()
	l.judge(ended)
}

// finish judges what is left once no client runs any more.
func (l *load) finish() {
	l.mutex.Lock()
	var left []*group
	for group := range l.live {
		left = append(left, group)
	}
	l.mutex.Unlock()
	for _, group := range left {
		group.close()
		l.judgeIfOver(group)
	}
}

// restarted notes in each group that the server ended at this time.
func (l *load) restarted(endedAt int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for group := range l.live {
		// Behind everything that this life of the server has done.
		group.restarted(endedAt + 1)
	}
}

func (l *load) end() { l.stopOnce.Do(func() { close(l.stop) }) }

// fail ends the load for a reason that no history tells.
func (l *load) fail(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.failure == nil {
		l.failure = err
	}
	l.end()
}

// client makes operations, over a connection that it renews as often as the server ends.
func (l *load) client(generator *generator) {
	for {
		life := l.server.wait(l.stop)
		if life == nil {
			return
		}
		connection, err := dial(l.server.address)
		if err != nil {
			if !l.isOver(life, err) {
				return
			}
			continue
		}
		err = l.work(generator, life, connection)
		connection.Close()
		if err == nil || !l.isOver(life, err) {
			return
		}
	}
}

// isOver waits for the end that a broken connection announces. Nothing else may break one.
func (l *load) isOver(life *life, err error) bool {
	select {
	case <-life.over:
		if !life.ends {
			l.fail(fmt.Errorf("the server has ended by itself: %s", l.server.endOfLog()))
		}
		return life.ends
	case <-time.After(overTimeout):
		l.fail(fmt.Errorf("a connection broke and the server lives: %w", err))
		return false
	}
}

// work makes operations until the connection breaks, or without an error until the load ends.
func (l *load) work(generator *generator, life *life, connection *connection) error {
	for {
		select {
		case <-l.stop:
			return nil
		default:
		}
		if l.operations.Load() >= l.limit {
			l.end()
			return nil
		}
		slot := generator.random.IntN(groupsAtOnce)
		var err error
		if generator.random.IntN(watchEvery) == 0 {
			err = l.watch(generator, slot, life, connection)
		} else {
			count := 1
			if generator.random.IntN(pipelineEvery) == 0 {
				count += generator.random.IntN(pipelineMax)
			}
			group := l.take(slot, count)
			var made []*operation
			for range count {
				made = append(made, generator.operation(group))
			}
			err = l.make(generator.client, group, made, life, connection)
		}
		if err != nil {
			return err
		}
	}
}

// watch watches a key, looks at it perhaps, and runs a transaction that depends on it.
func (l *load) watch(generator *generator, slot int, life *life, connection *connection) error {
	group := l.take(slot, 3)
	key := generator.random.IntN(counter)
	begin := operation{kind: watch, keys: []int{key}}
	look := operation{kind: get, keys: []int{key}}
	for i, op := range []*operation{&begin, &look, generator.transaction(group, []int{key})} {
		if err := l.make(generator.client, group, []*operation{op}, life, connection); err != nil {
			group.cancel(2 - i)
			l.judgeIfOver(group)
			return err
		}
	}
	return nil
}

// make sends operations in one pipeline and notes what came back.
func (l *load) make(client int, group *group, made []*operation, life *life, connection *connection) error {
	for _, op := range made {
		if op.kind == transaction {
			connection.add("MULTI")
			for i := range op.parts {
				connection.add(op.parts[i].request(&group.names)...)
			}
			connection.add("EXEC")
		} else {
			connection.add(op.request(&group.names)...)
		}
	}
	call := bootMicros()
	err := connection.send()
	for _, op := range made {
		in := &input{op: op, client: client, call: call}
		var came *reply
		if err == nil {
			came, err = l.receive(op, connection)
		}
		if err == nil {
			in.end = bootMicros()
		} else if !l.isOver(life, err) {
			return err
		} else if in.end = life.endedAt; in.end < in.call {
			// What was sent to nobody has not happened.
			group.cancel(1)
			continue
		} else {
			l.unanswered.Add(1)
		}
		group.end(in, came)
		l.operations.Add(1)
	}
	l.judgeIfOver(group)
	return err
}

// receive reads the reply of an operation; of a transaction, the last of several.
func (l *load) receive(op *operation, connection *connection) (*reply, error) {
	if op.kind == transaction {
		for range 1 + len(op.parts) {
			came, err := connection.read()
			if err != nil {
				return nil, err
			}
			if came.kind != done && came.text != "QUEUED" {
				return nil, fmt.Errorf("%v is not queued: %v", op, came)
			}
		}
	}
	came, err := connection.read()
	if err != nil {
		return nil, err
	}
	return &came, nil
}
