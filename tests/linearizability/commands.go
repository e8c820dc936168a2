package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A kind of operation; commands has a row for each.
type kind uint8

const (
	setNX kind = iota
	setNXGet
	setPX
	setXX
	setIfEqual
	setIfNotEqual
	setKeepTTL
	setnxForever
	get
	pttl
	exists
	getdel
	getex
	pexpire
	pexpireNX
	persist
	del
	delexIfEqual
	delexIfNotEqual
	delifeq
	incr
	msetnx
	msetexNX
	msetexXX
	mget
	delAll
	rename
	renamenx
	nativeAcquire
	nativeRelease
	nativeExtend
	nativeAcquireAll
	nativeReleaseAll
	nativeFence
	luaAcquire
	luaRelease
	luaExtend
	luaAcquireAll
	luaReleaseAll
	luaFence
	slowLuaAcquire
	slowLuaRelease
	watch
	transaction
	restart
	// somethingIsThere is asked by the shrinking of a history alone.
	somethingIsThere
	kinds
)

// An operation is a request, or several that are applied as one.
type operation struct {
	kind kind
	// keys are numbers of keys in their group.
	keys []int
	// token is the value to set; compared, the one that must be there.
	token, compared uint32
	ttlMs           int64
	// parts are the requests of a transaction.
	parts []operation
	// watched has the keys that the transaction's client watches, which decide whether it runs.
	watched []int
}

// A keySet is what a command takes of a group.
type keySet uint8

const (
	noKey keySet = iota
	oneLock
	bothLocks
	lockAndCounter
	counterAlone
)

// A command is what is sent, and what the model says of it.
type command struct {
	name string
	// weight is how often it is drawn.
	weight int
	// keys are those that it names.
	keys keySet
	// text is the request, by words: K, L are its keys, T, C its tokens, P its time to live.
	text string
	// script stands in front of the text, for EVAL.
	script string
	// reads is said of what changes nothing.
	reads bool
	// rule tells the reply, and changes the world; there[i] is whether its key i is there.
	rule func(w *world, op *operation, there []bool) reply
}

// Scripts as lock libraries write them.
const (
	acquireScript = `if redis.call("exists", KEYS[1]) == 1 then return 0 end
redis.call("set", KEYS[1], ARGV[1], "PX", ARGV[2]) return 1`
	releaseScript = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1])
else return 0 end`
	extendScript = `if redis.call("get", KEYS[1]) == ARGV[1] then
return redis.call("pexpire", KEYS[1], ARGV[2]) else return 0 end`
	acquireAllScript = `for i, key in ipairs(KEYS) do
if redis.call("exists", key) == 1 then return 0 end end
for i, key in ipairs(KEYS) do redis.call("set", key, ARGV[1], "PX", ARGV[2]) end return #KEYS`
	releaseAllScript = `local count = 0 for i, key in ipairs(KEYS) do
if redis.call("get", key) == ARGV[1] then if redis.pcall("del", key) == 1 then count = count + 1 end end
end return count`
	fenceScript = `if redis.call("set", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then
return redis.call("incr", KEYS[2]) else return 0 end`
	// A function keeps a script out of the native subset.
	lua = "local inLua = function() end\n"
	// Some milliseconds: the script parks, and others are served meanwhile.
	slowLua = lua + "local n = 0 for i = 1, 400000 do n = n + i end\n"
)

var commands = [kinds]command{
	setNX:         {name: "SET NX", weight: 20, keys: oneLock, text: "SET K T NX PX P", rule: acquireRule},
	setNXGet:      {name: "SET NX GET", weight: 3, keys: oneLock, text: "SET K T NX GET PX P", rule: setNXGetRule},
	setPX:         {name: "SET", weight: 1, keys: oneLock, text: "SET K T PX P", rule: setRule},
	setXX:         {name: "SET XX", weight: 1, keys: oneLock, text: "SET K T XX PX P", rule: setXXRule},
	setIfEqual:    {name: "SET IFEQ", weight: 4, keys: oneLock, text: "SET K T IFEQ C PX P", rule: setIfEqualRule},
	setIfNotEqual: {name: "SET IFNE", weight: 1, keys: oneLock, text: "SET K T IFNE C PX P", rule: setIfNotEqualRule},
	setKeepTTL:    {name: "SET XX KEEPTTL", weight: 1, keys: oneLock, text: "SET K T XX KEEPTTL", rule: setKeepTTLRule},
	setnxForever:  {name: "SETNX", weight: 1, keys: oneLock, text: "SETNX K T", rule: setnxRule},
	get:           {name: "GET", weight: 10, keys: oneLock, text: "GET K", reads: true, rule: getRule},
	pttl:          {name: "PTTL", weight: 4, keys: oneLock, text: "PTTL K", reads: true, rule: pttlRule},
	exists:        {name: "EXISTS", weight: 2, keys: oneLock, text: "EXISTS K", reads: true, rule: existsRule},
	getdel:        {name: "GETDEL", weight: 1, keys: oneLock, text: "GETDEL K", rule: getdelRule},
	getex:         {name: "GETEX", weight: 1, keys: oneLock, text: "GETEX K PX P", rule: getexRule},
	pexpire:       {name: "PEXPIRE", weight: 3, keys: oneLock, text: "PEXPIRE K P", rule: pexpireRule},
	pexpireNX:     {name: "PEXPIRE NX", weight: 2, keys: oneLock, text: "PEXPIRE K P NX", rule: pexpireNXRule},
	persist:       {name: "PERSIST", weight: 1, keys: oneLock, text: "PERSIST K", rule: persistRule},
	del:           {name: "DEL", weight: 3, keys: oneLock, text: "DEL K", rule: delRule},
	delexIfEqual:  {name: "DELEX IFEQ", weight: 6, keys: oneLock, text: "DELEX K IFEQ C", rule: releaseRule},
	delexIfNotEqual: {name: "DELEX IFNE", weight: 1, keys: oneLock, text: "DELEX K IFNE C",
		rule: delexIfNotEqualRule},
	delifeq:  {name: "DELIFEQ", weight: 4, keys: oneLock, text: "DELIFEQ K C", rule: releaseRule},
	incr:     {name: "INCR", weight: 2, keys: counterAlone, text: "INCR K", rule: incrRule},
	msetnx:   {name: "MSETNX", weight: 2, keys: bothLocks, text: "MSETNX K T L T", rule: msetnxRule},
	msetexNX: {name: "MSETEX NX", weight: 4, keys: bothLocks, text: "MSETEX 2 K T L T NX PX P", rule: msetexNXRule},
	msetexXX: {name: "MSETEX XX", weight: 1, keys: bothLocks, text: "MSETEX 2 K T L T XX PX P", rule: msetexXXRule},
	mget:     {name: "MGET", weight: 2, keys: bothLocks, text: "MGET K L", reads: true, rule: mgetRule},
	delAll:   {name: "DEL", weight: 2, keys: bothLocks, text: "DEL K L", rule: delRule},
	rename:   {name: "RENAME", weight: 1, keys: bothLocks, text: "RENAME K L", rule: renameRule},
	renamenx: {name: "RENAMENX", weight: 1, keys: bothLocks, text: "RENAMENX K L", rule: renamenxRule},
	nativeAcquire: {name: "native acquire", weight: 6, keys: oneLock, text: "1 K T P",
		script: acquireScript, rule: acquireAllRule},
	nativeRelease: {name: "native release", weight: 6, keys: oneLock, text: "1 K C",
		script: releaseScript, rule: releaseRule},
	nativeExtend: {name: "native extend", weight: 3, keys: oneLock, text: "1 K C P",
		script: extendScript, rule: extendRule},
	nativeAcquireAll: {name: "native acquire all", weight: 3, keys: bothLocks, text: "2 K L T P",
		script: acquireAllScript, rule: acquireAllRule},
	nativeReleaseAll: {name: "native release all", weight: 3, keys: bothLocks, text: "2 K L C",
		script: releaseAllScript, rule: releaseRule},
	nativeFence: {name: "native fence", weight: 3, keys: lockAndCounter, text: "2 K L T P",
		script: fenceScript, rule: fenceRule},
	luaAcquire: {name: "Lua acquire", weight: 3, keys: oneLock, text: "1 K T P",
		script: lua + acquireScript, rule: acquireAllRule},
	luaRelease: {name: "Lua release", weight: 3, keys: oneLock, text: "1 K C",
		script: lua + releaseScript, rule: releaseRule},
	luaExtend: {name: "Lua extend", weight: 2, keys: oneLock, text: "1 K C P",
		script: lua + extendScript, rule: extendRule},
	luaAcquireAll: {name: "Lua acquire all", weight: 2, keys: bothLocks, text: "2 K L T P",
		script: lua + acquireAllScript, rule: acquireAllRule},
	luaReleaseAll: {name: "Lua release all", weight: 2, keys: bothLocks, text: "2 K L C",
		script: lua + releaseAllScript, rule: releaseRule},
	luaFence: {name: "Lua fence", weight: 2, keys: lockAndCounter, text: "2 K L T P",
		script: lua + fenceScript, rule: fenceRule},
	slowLuaAcquire: {name: "slow Lua acquire", keys: oneLock, text: "1 K T P",
		script: slowLua + acquireScript, rule: acquireAllRule},
	slowLuaRelease: {name: "slow Lua release", keys: oneLock, text: "1 K C",
		script: slowLua + releaseScript, rule: releaseRule},
	watch:            {name: "WATCH", keys: oneLock, text: "WATCH K"},
	transaction:      {name: "MULTI, EXEC", weight: 3},
	restart:          {name: "restart"},
	somethingIsThere: {name: "something is there"},
}

// isNative and isLua tell where a script of this kind must run.
func (c *command) isNative() bool { return c.script != "" && !c.isLua() }

func (c *command) isLua() bool { return strings.HasPrefix(c.script, lua) }

// request is the words of an operation on keys with these names.
func (op *operation) request(names *[keysInGroup]string) []string {
	row := &commands[op.kind]
	var words []string
	if row.script != "" {
		words = append(words, "EVAL", row.script)
	}
	for _, word := range strings.Fields(row.text) {
		switch word {
		case "K":
			word = names[op.keys[0]]
		case "L":
			word = names[op.keys[len(op.keys)-1]]
		case "T":
			word = tokenText(op.token)
		case "C":
			word = tokenText(op.compared)
		case "P":
			word = strconv.FormatInt(op.ttlMs, 10)
		}
		words = append(words, word)
	}
	return words
}

// describe tells an operation and its reply to a person.
func describe(in *input, out output) string {
	came := "no reply"
	if out != nil {
		came = (*reply)(out).String()
	}
	return in.op.String() + " -> " + came
}

func (op *operation) String() string {
	text := []string{commands[op.kind].name}
	for _, key := range op.keys {
		text = append(text, string(rune('a'+key)))
	}
	row := &commands[op.kind]
	for _, word := range strings.Fields(row.text) {
		switch word {
		case "T":
			text = append(text, fmt.Sprintf("t%d", op.token))
		case "C":
			text = append(text, fmt.Sprintf("if t%d", op.compared))
		case "P":
			text = append(text, fmt.Sprintf("%d ms", op.ttlMs))
		}
	}
	for i := range op.parts {
		text = append(text, "("+op.parts[i].String()+")")
	}
	for _, key := range op.watched {
		text = append(text, "watching "+string(rune('a'+key)))
	}
	return strings.Join(text, " ")
}
