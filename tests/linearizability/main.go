// Is every answer that concurrent clients get about their locks one that a single server could have
// given, though it is killed and started again meanwhile? See scripts/linearizability.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

type options struct {
	binary, durability, directory string
	seconds, kills                float64
	operations                    int64
	clients                       int
	seed                          uint64
	mustFind                      bool
	more                          []string
}

// violationsTold bounds how many violations are printed.
const violationsTold = 3

func main() {
	o := options{}
	flag.StringVar(&o.binary, "binary", "", "the server's program")
	flag.StringVar(&o.durability, "durability", "guard", "guard, everysec, always or none")
	flag.StringVar(&o.directory, "directory", "", "where the server keeps its files (default: a new one)")
	flag.Float64Var(&o.seconds, "seconds", 10, "ends the load after this time")
	flag.Int64Var(&o.operations, "operations", 1<<62, "ends the load after so many operations")
	flag.Float64Var(&o.kills, "kills", 0, "how often the server is killed, a second")
	flag.IntVar(&o.clients, "clients", 8, "concurrent connections")
	flag.Uint64Var(&o.seed, "seed", 1, "decides what the clients ask and when the server is killed")
	flag.BoolVar(&o.mustFind, "must-find", false, "ends the load at the first violation: none is the failure")
	flag.Parse()
	o.more = flag.Args()
	if o.binary == "" || o.clients < 1 || o.clients > clientsMax {
		fmt.Fprintf(os.Stderr, "linearizability: needs --binary, and --clients from 1 to %d\n", clientsMax)
		os.Exit(2)
	}
	isRight, err := measure(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "linearizability:", err)
		os.Exit(2)
	}
	if !isRight {
		os.Exit(1)
	}
}

// measure runs the load and tells whether the outcome is as it should be.
func measure(o *options) (bool, error) {
	if o.directory == "" {
		made, err := os.MkdirTemp("", "linearizability-")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(made)
		o.directory = made
	}
	server, err := newServer(o.binary, o.directory, o.durability, o.more)
	if err != nil {
		return false, err
	}
	if err := server.start(); err != nil {
		return false, err
	}
	defer server.stop()
	if err := explain(server.address); err != nil {
		return false, err
	}
	judge := newJudge()
	load := newLoad(server, fmt.Sprintf("lock:%d", o.seed), o.operations, judge.take)
	if o.mustFind {
		judge.found = load.end
	}
	begin := time.Now()
	faults := disturb(o, server, load)
	var clients sync.WaitGroup
	for client := range o.clients {
		clients.Go(func() { load.client(newGenerator(o.seed, client)) })
	}
	timer := time.AfterFunc(time.Duration(o.seconds*float64(time.Second)), load.end)
	clients.Wait()
	timer.Stop()
	seconds := time.Since(begin).Seconds()
	faults.wait()
	load.finish()
	judge.wait()
	if load.failure != nil {
		return false, load.failure
	}
	if err := server.stop(); err != nil {
		return false, err
	}
	fmt.Printf("%s, seed %d, %d clients, %.1f s: %s%s, %d unanswered\n", o.durability, o.seed, o.clients,
		seconds, judge.figures(), faults.figures(), load.unanswered.Load())
	found := judge.violations.Load()
	return judge.undecided.Load() == 0 && (found > 0) == o.mustFind, nil
}

// explain makes sure that each script runs where its name says, so that both ways are tried.
func explain(address string) error {
	connection, err := dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	for i := range commands {
		row := &commands[i]
		if row.script == "" {
			continue
		}
		connection.add("SCRIPT", "LOAD", row.script)
		if err := connection.send(); err != nil {
			return err
		}
		sha, err := connection.read()
		if err != nil {
			return err
		}
		// The name comes as a bulk that is no value of ours: its text is quoted.
		told, err := connection.call("SCRIPT", "EXPLAIN", strings.Trim(sha.text, `"`))
		if err != nil {
			return err
		}
		if isLua := strings.Contains(told.String(), `"lua"`); isLua != row.isLua() {
			return fmt.Errorf("%s: %v", row.name, told)
		}
	}
	return nil
}

// A judge decides on groups as they end.
type judge struct {
	queue   chan *group
	workers sync.WaitGroup

	operations, groups, violations, undecided atomic.Int64
	counted                                   [kinds]atomic.Int64
	grants                                    atomic.Int64
	printing                                  sync.Mutex
	// found is called at each violation.
	found func()
}

func newJudge() *judge {
	// A full queue holds the clients up, so what waits is bounded.
	j := &judge{queue: make(chan *group, 64), found: func() {}}
	for range max(1, runtime.NumCPU()-1) {
		j.workers.Go(func() {
			for ended := range j.queue {
				j.decide(ended)
			}
		})
	}
	return j
}

func (j *judge) take(ended *group) { j.queue <- ended }

func (j *judge) wait() {
	close(j.queue)
	j.workers.Wait()
}

func (j *judge) decide(ended *group) {
	j.groups.Add(1)
	for i := range ended.history {
		in, came := ended.history[i].Input.(*input), (*reply)(ended.history[i].Output.(output))
		if in.op.kind == restart {
			continue
		}
		j.operations.Add(1)
		j.counted[in.op.kind].Add(1)
		if in.op.isGrant() && came != nil && !came.isRefusal() {
			j.grants.Add(1)
		}
	}
	switch check(ended.history) {
	case porcupine.Unknown:
		j.undecided.Add(1)
	case porcupine.Illegal:
		j.found()
		if j.violations.Add(1) <= violationsTold {
			j.tell(ended)
		}
	}
}

func (j *judge) tell(ended *group) {
	j.printing.Lock()
	defer j.printing.Unlock()
	less := shrink(ended.history)
	fmt.Printf("VIOLATION on %s, %d of its %d operations:\n%s", ended.names, len(less), len(ended.history),
		table(less))
}

func (j *judge) figures() string {
	var native, inLua int64
	for i := range commands {
		if commands[i].isNative() {
			native += j.counted[i].Load()
		} else if commands[i].isLua() {
			inLua += j.counted[i].Load()
		}
	}
	return fmt.Sprintf("%d operations, %d grants, %d keys, %d native and %d Lua scripts, %d transactions, "+
		"%d violations, %d undecided", j.operations.Load(), j.grants.Load(), j.groups.Load()*keysInGroup, native,
		inLua, j.counted[transaction].Load(), j.violations.Load(), j.undecided.Load())
}

// Faults are made while clients work.
type faults struct {
	over                    sync.WaitGroup
	kills, stalls, rewrites int
}

// disturb kills the server, stops it for a moment, and lets it write its files anew, in turns.
func disturb(o *options, server *server, load *load) *faults {
	f := &faults{}
	if o.kills == 0 {
		return f
	}
	random := rand.New(rand.NewPCG(o.seed, clientsMax))
	f.over.Go(func() {
		for {
			// Half of the faults are kills.
			pause := time.Duration((0.5 + random.Float64()) / o.kills / 2 * float64(time.Second))
			select {
			case <-load.stop:
				return
			case <-time.After(pause):
			}
			if err := f.strike(random, server, load); err != nil {
				load.fail(err)
				return
			}
		}
	})
	return f
}

func (f *faults) strike(random *rand.Rand, server *server, load *load) error {
	switch random.IntN(4) {
	case 0, 1:
		f.kills++
		signals := []syscall.Signal{syscall.SIGKILL}
		if random.IntN(2) == 0 {
			signals = []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL}
		}
		load.restarted(server.kill(signals...))
		return server.start()
	case 2:
		f.stalls++
		server.signal(syscall.SIGSTOP)
		time.Sleep(time.Duration(1+random.IntN(30)) * time.Millisecond)
		server.signal(syscall.SIGCONT)
	case 3:
		f.rewrites++
		connection, err := dial(server.address)
		if err != nil {
			return err
		}
		defer connection.Close()
		_, err = connection.call("BGREWRITEAOF")
		return err
	}
	return nil
}

func (f *faults) wait() { f.over.Wait() }

func (f *faults) figures() string {
	return fmt.Sprintf(", %d kills, %d stalls, %d rewrites", f.kills, f.stalls, f.rewrites)
}

// isGrant is said of what may make a lock.
func (op *operation) isGrant() bool {
	switch op.kind {
	case setNX, setNXGet, setnxForever, msetnx, msetexNX, nativeAcquire, nativeAcquireAll, nativeFence, luaAcquire,
		luaAcquireAll, luaFence, slowLuaAcquire:
		return true
	}
	return false
}
