package clients

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

// TestRedislock shows what a lock of bsm/redislock must do on one server; all that it does goes by scripts.
func TestRedislock(t *testing.T) {
	ctx := context.Background()
	address := addresses(t)[:1]
	user := func(protocol int) *redislock.Client {
		client := redis.NewClient(&redis.Options{Addr: address[0], Protocol: protocol, MaxRetries: -1})
		t.Cleanup(func() { _ = client.Close() })
		return redislock.New(client)
	}
	first, second := user(3), user(2)
	seen := newWitness(t, address)
	obtain := func(t *testing.T, key string, ttl time.Duration, options *redislock.Options) *redislock.Lock {
		t.Helper()
		lock, err := first.Obtain(ctx, key, ttl, options)
		must(t, err)
		return lock
	}

	t.Run("acquire_sets_token_and_deadline", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, 30*time.Second, &redislock.Options{Metadata: "machine-1"})
		seen.assertHeld(key, lock.Token()+"machine-1", 0, 30*time.Second)
		ttl, err := lock.TTL(ctx)
		must(t, err)
		if ttl <= 0 || ttl > 30*time.Second {
			t.Errorf("the library tells %v to live", ttl)
		}
	})

	t.Run("acquire_again_under_the_same_token_is_granted", func(t *testing.T) {
		key := freshKey()
		obtain(t, key, 10*time.Second, &redislock.Options{Token: "mine", Metadata: "1"})
		obtain(t, key, time.Minute, &redislock.Options{Token: "mine", Metadata: "2"})
		seen.assertHeld(key, "mine2", 10*time.Second, time.Minute)
	})

	t.Run("contention_refuses_the_second_and_changes_nothing", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, 30*time.Second, nil)
		if _, err := second.Obtain(ctx, key, time.Minute, nil); !errors.Is(err, redislock.ErrNotObtained) {
			t.Errorf("the second got %v", err)
		}
		seen.assertHeld(key, lock.Token(), 0, 30*time.Second)
	})

	t.Run("contention_is_over_when_the_holder_lets_go", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, time.Minute, nil)
		next := make(chan error, 1)
		go func() {
			retry := redislock.LinearBackoff(5 * time.Millisecond)
			_, err := second.Obtain(ctx, key, time.Minute, &redislock.Options{RetryStrategy: retry, Token: "next"})
			next <- err
		}()
		must(t, lock.Release(ctx))
		must(t, <-next)
		seen.assertHeld(key, "next", 0, time.Minute)
	})

	t.Run("extend_gives_the_holder_more_time", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, 10*time.Second, nil)
		must(t, lock.Refresh(ctx, time.Minute, nil))
		seen.assertHeld(key, lock.Token(), 10*time.Second, time.Minute)
	})

	t.Run("release_frees_the_lock_once", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, 30*time.Second, nil)
		must(t, lock.Release(ctx))
		if !seen.isFree(key) {
			t.Error("a released lock is held")
		}
		if err := lock.Release(ctx); !errors.Is(err, redislock.ErrLockNotHeld) {
			t.Errorf("a second release: %v", err)
		}
	})

	t.Run("wrong_token_neither_releases_nor_extends", func(t *testing.T) {
		key := freshKey()
		lock := obtain(t, key, time.Minute, nil)
		seen.hold(key, "somebody else's", 30*time.Second)
		if err := lock.Release(ctx); !errors.Is(err, redislock.ErrLockNotHeld) {
			t.Errorf("a release: %v", err)
		}
		if err := lock.Refresh(ctx, time.Minute, nil); !errors.Is(err, redislock.ErrNotObtained) {
			t.Errorf("an extension: %v", err)
		}
		if ttl, err := lock.TTL(ctx); ttl != 0 || err != nil {
			t.Errorf("the library tells %v to live, %v", ttl, err)
		}
		seen.assertHeld(key, "somebody else's", 0, 30*time.Second)
	})

	t.Run("expiry_frees_the_lock_and_the_late_holder_cannot_release_the_next", func(t *testing.T) {
		key := freshKey()
		late := obtain(t, key, 100*time.Millisecond, nil)
		until(t, "the lock is free", func() bool { return seen.isFree(key) })
		next, err := second.Obtain(ctx, key, 30*time.Second, nil)
		must(t, err)
		if err := late.Release(ctx); !errors.Is(err, redislock.ErrLockNotHeld) {
			t.Errorf("a late release: %v", err)
		}
		seen.assertHeld(key, next.Token(), 0, 30*time.Second)
	})
}
