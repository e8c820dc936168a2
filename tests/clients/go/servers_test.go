// Package clients runs lock libraries of Go against servers that scripts/clients starts.
//
// The servers are named in LOCK_SERVERS: five host:port, by blanks. They may be any server that speaks the protocol;
// nothing here knows which one. Keys are looked at by connections of their own, so that a library's own idea of its
// lock is never the proof. No test waits for a fixed time: it polls for what must come, and gives up after patience.
package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	instances = 5
	patience  = 20 * time.Second
	pollWait  = 5 * time.Millisecond
)

var keys atomic.Uint64

// addresses returns the addresses of the five servers.
func addresses(t *testing.T) []string {
	t.Helper()
	named := os.Getenv("LOCK_SERVERS")
	found := strings.Fields(named)
	if len(found) != instances {
		t.Fatalf("LOCK_SERVERS is %q, not %d addresses; run scripts/clients go", named, instances)
	}
	return found
}

// addressOfNobody returns an address where nobody listens.
func addressOfNobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// freshKey returns a name that no other test and no earlier run has used.
func freshKey() string {
	return fmt.Sprintf("lock:order:%d:%d:%d", os.Getpid(), time.Now().UnixNano(), keys.Add(1))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A witness looks at keys on all of some servers.
type witness struct {
	t       *testing.T
	servers []*redis.Client
}

func newWitness(t *testing.T, addresses []string) witness {
	t.Helper()
	servers := make([]*redis.Client, len(addresses))
	for i, address := range addresses {
		servers[i] = redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
		t.Cleanup(func() { _ = servers[i].Close() })
	}
	return witness{t, servers}
}

// assertHeld asserts that each server has the token at the key, to live more than above and at most limit.
func (w witness) assertHeld(key, token string, above, limit time.Duration) {
	w.t.Helper()
	for i, server := range w.servers {
		found, err := server.Get(context.Background(), key).Result()
		must(w.t, err)
		if found != token {
			w.t.Errorf("server %d has %q, not %q", i, found, token)
		}
		ttl, err := server.PTTL(context.Background(), key).Result()
		must(w.t, err)
		if ttl <= above || ttl > limit {
			w.t.Errorf("server %d: %v to live, not within %v to %v", i, ttl, above, limit)
		}
	}
}

// isFree tells whether no server has the key.
func (w witness) isFree(key string) bool {
	w.t.Helper()
	for _, server := range w.servers {
		err := server.Get(context.Background(), key).Err()
		if err == nil {
			return false
		}
		if !errors.Is(err, redis.Nil) {
			w.t.Fatal(err)
		}
	}
	return true
}

// hold writes a holder that no library under test knows of.
func (w witness) hold(key, token string, ttl time.Duration) {
	w.t.Helper()
	for _, server := range w.servers {
		must(w.t, server.Set(context.Background(), key, token, ttl).Err())
	}
}

// until polls until holds is true, and fails the test if it is not within patience.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(pollWait)
	}
}
