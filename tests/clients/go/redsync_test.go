package clients

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	pools "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	pooled "github.com/go-redsync/redsync/v4/redis/redigo"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/redis/go-redis/v9"
)

// overGoRedis makes a pool of go-redis connections; go-redis 9 speaks RESP3 if the server does.
func overGoRedis(t *testing.T, address string) pools.Pool {
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return goredis.NewPool(client)
}

// overRedigo makes a pool of redigo connections, which speak RESP2.
func overRedigo(t *testing.T, address string) pools.Pool {
	pool := &redigo.Pool{Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", address) }}
	t.Cleanup(func() { _ = pool.Close() })
	return pooled.NewPool(pool)
}

func TestRedsyncOverGoRedis(t *testing.T) { testRedsync(t, overGoRedis) }

func TestRedsyncOverRedigo(t *testing.T) { testRedsync(t, overRedigo) }

type connect func(t *testing.T, address string) pools.Pool

func redsyncOver(t *testing.T, over connect, servers []string) *redsync.Redsync {
	each := make([]pools.Pool, len(servers))
	for i, server := range servers {
		each[i] = over(t, server)
	}
	return redsync.New(each...)
}

// testRedsync shows what every mutex of redsync must do, over five servers.
func testRedsync(t *testing.T, over connect) {
	five := addresses(t)
	// The second user has connections of its own, as another process would.
	first, second := redsyncOver(t, over, five), redsyncOver(t, over, five)
	seen := newWitness(t, five)

	t.Run("acquire_sets_token_and_deadline_on_all_five", func(t *testing.T) {
		mutex := first.NewMutex(freshKey(), redsync.WithExpiry(30*time.Second))
		must(t, mutex.Lock())
		seen.assertHeld(mutex.Name(), mutex.Value(), 0, 30*time.Second)
		if !mutex.Until().After(time.Now()) {
			t.Errorf("valid until %v, which is past", mutex.Until())
		}
	})

	t.Run("contention_refuses_the_second_and_changes_nothing", func(t *testing.T) {
		mutex := first.NewMutex(freshKey(), redsync.WithExpiry(30*time.Second))
		must(t, mutex.Lock())
		refused := second.NewMutex(mutex.Name(), redsync.WithExpiry(time.Minute)).TryLock()
		var taken *redsync.ErrTaken
		if !errors.As(refused, &taken) || len(taken.Nodes) != instances {
			t.Errorf("refused with %v, not as taken on %d nodes", refused, instances)
		}
		seen.assertHeld(mutex.Name(), mutex.Value(), 0, 30*time.Second)
	})

	t.Run("contention_of_ten_lets_one_in_at_a_time", func(t *testing.T) { crowd(t, []*redsync.Redsync{first, second}) })

	t.Run("extend_gives_the_holder_more_time", func(t *testing.T) {
		key := freshKey()
		mutex := first.NewMutex(key, redsync.WithExpiry(10*time.Second))
		must(t, mutex.Lock())
		longer := first.NewMutex(key, redsync.WithExpiry(time.Minute), redsync.WithValue(mutex.Value()))
		if isExtended, err := longer.Extend(); !isExtended {
			t.Fatalf("not extended: %v", err)
		}
		seen.assertHeld(key, mutex.Value(), 10*time.Second, time.Minute)
	})

	t.Run("extend_of_a_lock_that_is_gone_takes_it_only_when_told_to", func(t *testing.T) {
		key := freshKey()
		if isExtended, err := first.NewMutex(key, redsync.WithValue("mine")).Extend(); isExtended {
			t.Fatalf("extended: %v", err)
		}
		if !seen.isFree(key) {
			t.Error("a refused extension left a key")
		}
		again := first.NewMutex(
			key, redsync.WithValue("mine"), redsync.WithExpiry(time.Minute), redsync.WithSetNXOnExtend())
		if isExtended, err := again.Extend(); !isExtended {
			t.Fatalf("not taken: %v", err)
		}
		seen.assertHeld(key, "mine", 0, time.Minute)
	})

	t.Run("release_frees_the_lock_once", func(t *testing.T) {
		mutex := first.NewMutex(freshKey())
		must(t, mutex.Lock())
		if isReleased, err := mutex.Unlock(); !isReleased {
			t.Fatalf("not released: %v", err)
		}
		if !seen.isFree(mutex.Name()) {
			t.Error("a released lock is held")
		}
		if isReleased, err := mutex.Unlock(); isReleased || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
			t.Errorf("a second release: %v, %v", isReleased, err)
		}
		must(t, second.NewMutex(mutex.Name()).Lock())
	})

	t.Run("wrong_token_neither_releases_nor_extends", func(t *testing.T) {
		key := freshKey()
		seen.hold(key, "somebody else's", 30*time.Second)
		foreign := first.NewMutex(
			key, redsync.WithValue("mine"), redsync.WithExpiry(time.Minute), redsync.WithSetNXOnExtend())
		if isReleased, err := foreign.Unlock(); isReleased {
			t.Errorf("released: %v", err)
		}
		if isExtended, err := foreign.Extend(); isExtended {
			t.Errorf("extended: %v", err)
		}
		if isValid, _ := foreign.Valid(); isValid {
			t.Error("somebody else's lock is valid")
		}
		seen.assertHeld(key, "somebody else's", 0, 30*time.Second)
	})

	t.Run("expiry_frees_the_lock_and_the_late_holder_cannot_release_the_next", func(t *testing.T) {
		key := freshKey()
		// A busy machine may take so long over the vote that so short a lock is lost before it is won.
		late := first.NewMutex(key, redsync.WithExpiry(500*time.Millisecond))
		until(t, "a short lock is won in time", func() bool { return late.TryLock() == nil })
		until(t, "the lock is free", func() bool { return seen.isFree(key) })
		next := second.NewMutex(key, redsync.WithExpiry(30*time.Second))
		must(t, next.Lock())
		if isReleased, err := late.Unlock(); isReleased {
			t.Errorf("released: %v", err)
		}
		seen.assertHeld(key, next.Value(), 0, 30*time.Second)
	})

	t.Run("vote_of_three_is_enough_and_of_two_is_not", func(t *testing.T) {
		for _, down := range []int{2, 3} {
			servers := append([]string{}, five[down:]...)
			for range down {
				servers = append(servers, addressOfNobody(t))
			}
			mutex := redsyncOver(t, over, servers).NewMutex(freshKey(), redsync.WithExpiry(30*time.Second))
			err := mutex.TryLock()
			if isWon := err == nil; isWon != (down == 2) {
				t.Errorf("%d of %d servers down: %v", down, instances, err)
			}
			if down == 2 {
				newWitness(t, five[down:]).assertHeld(mutex.Name(), mutex.Value(), 0, 30*time.Second)
			} else if !newWitness(t, five[down:]).isFree(mutex.Name()) {
				t.Error("a lost vote left a key")
			}
		}
	})
}

// crowd lets ten workers through one mutex and fails if two are inside at once.
func crowd(t *testing.T, users []*redsync.Redsync) {
	const workers = 10
	key := freshKey()
	var inside, visits atomic.Int64
	var waiting sync.WaitGroup
	for worker := range workers {
		waiting.Go(func() {
			delay := func(int) time.Duration { return time.Duration(5+worker) * time.Millisecond }
			mutex := users[worker%len(users)].NewMutex(
				key, redsync.WithExpiry(30*time.Second), redsync.WithTries(2000), redsync.WithRetryDelayFunc(delay))
			if err := mutex.Lock(); err != nil {
				t.Errorf("worker %d: %v", worker, err)
				return
			}
			if inside.Add(1) != 1 {
				t.Error("two were inside")
			}
			visits.Add(1)
			inside.Add(-1)
			if isReleased, err := mutex.Unlock(); !isReleased {
				t.Errorf("worker %d did not release: %v", worker, err)
			}
		})
	}
	waiting.Wait()
	if visits.Load() != workers {
		t.Errorf("%d of %d workers were inside", visits.Load(), workers)
	}
}
