package main

// run hands on every world in which an operation may end with the reply `expected`.
func run(w world, op *operation, client int, expected *reply, then func(world)) {
	switch op.kind {
	case watch:
		runWatch(w, op, client, expected, then)
	case transaction:
		runTransaction(w, op, client, expected, then)
	case restart:
		runRestart(w, then)
	case somethingIsThere:
		if w.cells != [keysInGroup]cell{} {
			then(w)
		}
	default:
		runPlain(w, op, expected, then)
	}
}

// runPlain looks at the keys of a command and applies its rule.
func runPlain(w world, op *operation, expected *reply, then func(world)) {
	lookAll(w, op.keys, nil, func(w world, there []bool) {
		said := commands[op.kind].rule(&w, op, there)
		if w.allows(expected, said) {
			then(w)
		}
	})
}

func lookAll(w world, keys []int, there []bool, then func(world, []bool)) {
	if len(keys) == 0 {
		then(w, there)
		return
	}
	look := func(is bool) func(world) {
		return func(w world) {
			lookAll(w, keys[1:], append(there[:len(there):len(there)], is), then)
		}
	}
	w.look(keys[0], look(true), look(false))
}

func runWatch(w world, op *operation, client int, expected *reply, then func(world)) {
	lookAll(w, op.keys, nil, func(w world, _ []bool) {
		for _, key := range op.keys {
			w.watches |= watchBit(client, key)
		}
		if w.allows(expected, reply{kind: done}) {
			then(w)
		}
	})
}

// runTransaction runs a transaction unless a watched key has changed, which its expiry is as well.
func runTransaction(w world, op *operation, client int, expected *reply, then func(world)) {
	lookAll(w, op.watched, nil, func(w world, _ []bool) {
		isClean := true
		for _, key := range op.watched {
			isClean = isClean && w.watches&watchBit(client, key) != 0
		}
		for key := range keysInGroup {
			w.watches &^= watchBit(client, key)
		}
		if !isClean {
			if w.allows(expected, reply{kind: nothing}) {
				then(w)
			}
			return
		}
		if expected == nil || expected.kind == list && len(expected.parts) == len(op.parts) {
			runParts(w, op.parts, expected, then)
		}
	})
}

func runParts(w world, parts []operation, expected *reply, then func(world)) {
	if len(parts) == 0 {
		then(w)
		return
	}
	var first, rest *reply
	if expected != nil {
		first, rest = &expected.parts[0], &reply{kind: list, parts: expected.parts[1:]}
	}
	runPlain(w, &parts[0], first, func(w world) { runParts(w, parts[1:], rest, then) })
}

// runRestart ends all connections and reads every deadline from a file.
func runRestart(w world, then func(world)) {
	w.watches = 0
	for key := range w.cells {
		if known := &w.cells[key]; known.value != 0 && known.latest != never {
			known.latest += restartRoundingUs
		}
	}
	then(w)
}

func acquireRule(w *world, op *operation, there []bool) reply {
	if there[0] {
		return reply{kind: nothing}
	}
	return setRule(w, op, there)
}

func setNXGetRule(w *world, op *operation, there []bool) reply {
	old := w.valueReply(op.keys[0])
	if !there[0] {
		setRule(w, op, there)
	}
	return old
}

func setRule(w *world, op *operation, _ []bool) reply {
	w.set(op.keys[0], op.token, op.ttlMs)
	return reply{kind: done}
}

func setXXRule(w *world, op *operation, there []bool) reply {
	if !there[0] {
		return reply{kind: nothing}
	}
	return setRule(w, op, there)
}

// has tells whether a key is there and has the token that the operation compares.
func (w *world) has(key int, op *operation) bool { return w.cells[key].value == op.compared }

func setIfEqualRule(w *world, op *operation, there []bool) reply {
	if !there[0] || !w.has(op.keys[0], op) {
		return reply{kind: nothing}
	}
	return setRule(w, op, there)
}

func setIfNotEqualRule(w *world, op *operation, there []bool) reply {
	if there[0] && w.has(op.keys[0], op) {
		return reply{kind: nothing}
	}
	return setRule(w, op, there)
}

func setKeepTTLRule(w *world, op *operation, there []bool) reply {
	if !there[0] {
		return reply{kind: nothing}
	}
	w.cells[op.keys[0]].value = op.token
	w.touch(op.keys[0])
	return reply{kind: done}
}

func setnxRule(w *world, op *operation, there []bool) reply {
	if !there[0] {
		w.set(op.keys[0], op.token, never)
	}
	return boolReply(!there[0])
}

func getRule(w *world, op *operation, _ []bool) reply { return w.valueReply(op.keys[0]) }

func mgetRule(w *world, op *operation, _ []bool) reply {
	said := reply{kind: list}
	for _, key := range op.keys {
		said.parts = append(said.parts, w.valueReply(key))
	}
	return said
}

func pttlRule(_ *world, op *operation, there []bool) reply {
	if !there[0] {
		return integerReply(-2)
	}
	return reply{kind: timeLeft, number: int64(op.keys[0])}
}

func existsRule(_ *world, _ *operation, there []bool) reply { return boolReply(there[0]) }

func getdelRule(w *world, op *operation, there []bool) reply {
	old := w.valueReply(op.keys[0])
	if there[0] {
		w.remove(op.keys[0])
	}
	return old
}

func getexRule(w *world, op *operation, there []bool) reply {
	pexpireRule(w, op, there)
	return w.valueReply(op.keys[0])
}

func pexpireRule(w *world, op *operation, there []bool) reply {
	if there[0] {
		w.set(op.keys[0], w.cells[op.keys[0]].value, op.ttlMs)
	}
	return boolReply(there[0])
}

func pexpireNXRule(w *world, op *operation, there []bool) reply {
	if there[0] && w.cells[op.keys[0]].earliest != never {
		return boolReply(false)
	}
	return pexpireRule(w, op, there)
}

func persistRule(w *world, op *operation, there []bool) reply {
	has := there[0] && w.cells[op.keys[0]].earliest != never
	if has {
		w.set(op.keys[0], w.cells[op.keys[0]].value, never)
	}
	return boolReply(has)
}

func delRule(w *world, op *operation, there []bool) reply {
	removed := 0
	for i, key := range op.keys {
		if there[i] {
			w.remove(key)
			removed++
		}
	}
	return integerReply(removed)
}

// releaseRule deletes each key that has the token.
func releaseRule(w *world, op *operation, there []bool) reply {
	removed := 0
	for i, key := range op.keys {
		if there[i] && w.has(key, op) {
			w.remove(key)
			removed++
		}
	}
	return integerReply(removed)
}

func delexIfNotEqualRule(w *world, op *operation, there []bool) reply {
	if !there[0] || w.has(op.keys[0], op) {
		return boolReply(false)
	}
	return delRule(w, op, there)
}

func extendRule(w *world, op *operation, there []bool) reply {
	if !there[0] || !w.has(op.keys[0], op) {
		return boolReply(false)
	}
	return pexpireRule(w, op, there)
}

func incrRule(w *world, op *operation, _ []bool) reply {
	known := &w.cells[counter]
	if known.value == 0 {
		*known = cell{earliest: never, latest: never}
	}
	known.value++
	w.touch(counter)
	return integerReply(int(known.value))
}

// setAll sets every key of the operation if none of them is there.
func setAll(w *world, op *operation, there []bool, ttlMs int64) bool {
	for _, is := range there {
		if is {
			return false
		}
	}
	for _, key := range op.keys {
		w.set(key, op.token, ttlMs)
	}
	return true
}

func msetnxRule(w *world, op *operation, there []bool) reply {
	return boolReply(setAll(w, op, there, never))
}

func msetexNXRule(w *world, op *operation, there []bool) reply {
	return boolReply(setAll(w, op, there, op.ttlMs))
}

func msetexXXRule(w *world, op *operation, there []bool) reply {
	for _, is := range there {
		if !is {
			return boolReply(false)
		}
	}
	for _, key := range op.keys {
		w.set(key, op.token, op.ttlMs)
	}
	return boolReply(true)
}

func acquireAllRule(w *world, op *operation, there []bool) reply {
	if !setAll(w, op, there, op.ttlMs) {
		return integerReply(0)
	}
	return integerReply(len(op.keys))
}

func fenceRule(w *world, op *operation, there []bool) reply {
	if there[0] {
		return integerReply(0)
	}
	w.set(op.keys[0], op.token, op.ttlMs)
	return incrRule(w, op, there)
}

func renameRule(w *world, op *operation, there []bool) reply {
	if !there[0] {
		return reply{kind: refusal, text: "ERR no such key"}
	}
	moved := w.cells[op.keys[0]]
	w.remove(op.keys[0])
	w.cells[op.keys[1]] = moved
	w.touch(op.keys[1])
	return reply{kind: done}
}

func renamenxRule(w *world, op *operation, there []bool) reply {
	if !there[0] || there[1] {
		if !there[0] {
			return reply{kind: refusal, text: "ERR no such key"}
		}
		return boolReply(false)
	}
	renameRule(w, op, there)
	return boolReply(true)
}
