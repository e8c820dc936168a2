package quintlock.clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.integration.redis.util.RedisLockRegistry;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;

/**
 * Spring Integration's RedisLockRegistry in its spin mode, on Spring Data's Lettuce connections.
 *
 * <p>A registry is a holder: it keeps one token for all its locks. A second registry stands for another process.
 */
class SpringLockTest {
    private static final Duration NONE = Duration.ZERO;
    private static final Duration SHORT = Duration.ofSeconds(10);
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration LONGER = Duration.ofSeconds(60);

    private final LettuceConnectionFactory connections = new LettuceConnectionFactory(Servers.host(), Servers.port());
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final String prefix = "registry:" + UUID.randomUUID();
    private final RedisLockRegistry first = registry();
    private final RedisLockRegistry second = registry();

    private RedisLockRegistry registry() {
        if (!connections.isRunning()) {
            connections.afterPropertiesSet();
            connections.start();
        }
        var registry = new RedisLockRegistry(connections, prefix, LONG);
        registry.setRedisLockType(RedisLockType.SPIN_LOCK);
        registry.setIdleBetweenTries(Duration.ofMillis(5));
        return registry;
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
        first.destroy();
        second.destroy();
        connections.destroy();
    }

    /** Where a registry keeps the lock. */
    private String keyOf(String name) {
        return prefix + ":" + name;
    }

    /** Locks are reentrant within a thread, so another holder needs another thread too. */
    private <T> T elsewhere(Callable<T> call) throws Exception {
        return threads.submit(call).get(Servers.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Test
    void acquireSetsTokenAndDeadline() {
        Lock lock = first.obtain("order");
        assertTrue(lock.tryLock());
        String token = Servers.token(keyOf("order"));
        assertNotNull(token);
        Servers.assertHeld(keyOf("order"), token, NONE, LONG);
        assertTrue(first.obtain("invoice").tryLock());
        assertEquals(token, Servers.token(keyOf("invoice")), "a registry has one token");
    }

    @Test
    void contentionRefusesTheSecondAndChangesNothing() throws Exception {
        assertTrue(first.obtain("order").tryLock());
        String token = Servers.token(keyOf("order"));
        assertFalse(elsewhere(() -> second.obtain("order").tryLock()));
        assertFalse(elsewhere(() -> second.obtain("order").tryLock(50, TimeUnit.MILLISECONDS)));
        Servers.assertHeld(keyOf("order"), token, NONE, LONG);
    }

    @Test
    void contentionOfTenLetsOneInAtATime() throws Exception {
        var inside = new AtomicInteger();
        var visits = new AtomicInteger();
        List<Future<?>> workers = new ArrayList<>();
        for (int worker = 0; worker < 10; worker++) {
            RedisLockRegistry own = worker % 2 == 0 ? first : second;
            workers.add(threads.submit(() -> {
                Lock lock = own.obtain("crowd");
                lock.lock();
                try {
                    assertEquals(1, inside.incrementAndGet(), "two were inside");
                    visits.incrementAndGet();
                    inside.decrementAndGet();
                } finally {
                    lock.unlock();
                }
            }));
        }
        for (Future<?> worker : workers) {
            worker.get(Servers.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }
        assertEquals(10, visits.get());
    }

    @Test
    void extendGivesTheHolderMoreTimeAndNobodyElse() throws Exception {
        var lock = first.obtain("order");
        assertTrue(lock.tryLock(NONE, SHORT));
        String token = Servers.token(keyOf("order"));
        Servers.assertHeld(keyOf("order"), token, NONE, SHORT);
        first.renewLock("order", LONGER);
        Servers.assertHeld(keyOf("order"), token, SHORT, LONGER);
        assertThrows(IllegalStateException.class, () -> second.renewLock("order", LONGER.multipliedBy(2)));
        Servers.assertHeld(keyOf("order"), token, SHORT, LONGER);
    }

    @Test
    void releaseFreesTheLockOnce() throws Exception {
        Lock lock = first.obtain("order");
        assertTrue(lock.tryLock());
        lock.unlock();
        assertNull(Servers.token(keyOf("order")));
        assertThrows(IllegalStateException.class, lock::unlock);
        assertTrue(elsewhere(() -> second.obtain("order").tryLock()));
    }

    @Test
    void wrongTokenReleasesNothing() {
        Lock lock = first.obtain("order");
        assertTrue(lock.tryLock());
        Servers.hold(keyOf("order"), "somebody else's", LONG);
        assertThrows(ConcurrentModificationException.class, lock::unlock);
        Servers.assertHeld(keyOf("order"), "somebody else's", NONE, LONG);
    }

    @Test
    void wrongTokenRenewsNothing() {
        assertTrue(first.obtain("order").tryLock());
        Servers.hold(keyOf("order"), "somebody else's", LONG);
        assertThrows(RuntimeException.class, () -> first.renewLock("order", LONGER));
        Servers.assertHeld(keyOf("order"), "somebody else's", NONE, LONG);
    }

    @Test
    void expiryFreesTheLockAndTheLateHolderCannotReleaseTheNext() throws Exception {
        var late = first.obtain("order");
        assertTrue(late.tryLock(NONE, Duration.ofMillis(100)));
        Servers.untilFree(keyOf("order"));
        assertTrue(elsewhere(() -> second.obtain("order").tryLock()));
        String next = Servers.token(keyOf("order"));
        assertThrows(ConcurrentModificationException.class, late::unlock);
        Servers.assertHeld(keyOf("order"), next, NONE, LONG);
    }
}
