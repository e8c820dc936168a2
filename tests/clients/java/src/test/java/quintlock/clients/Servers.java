package quintlock.clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.Callable;

/**
 * What the tests of every library share: where the server is, names of their own for keys, and a look at a key.
 *
 * <p>{@code scripts/clients} starts the servers and names them in {@code LOCK_SERVERS}: {@code host:port}, by blanks,
 * of which these tests take the first. It may be any server that speaks the protocol; nothing here knows which one.
 * The look at a key goes by a connection that no test uses otherwise, so that a library's own idea of its lock is never
 * the proof. No test waits for a fixed time: it polls for what must come, and gives up after {@link #PATIENCE}.
 */
final class Servers {
    static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long POLL_WAIT_MS = 5;
    private static final RedisCommands<String, String> WITNESS =
            RedisClient.create("redis://" + address()).connect().sync();

    static final String COMPARE_AND_DELETE =
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
    static final String COMPARE_AND_EXPIRE =
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) "
                    + "else return 0 end";
    static final String COMPARE_DELETE_AND_WAKE =
            """
            if redis.call('get', KEYS[1]) == ARGV[1] then
                redis.call('del', KEYS[1])
                redis.call('publish', ARGV[2], 'released')
                return 1
            end
            return 0
            """;

    private Servers() {}

    static String address() {
        String named = System.getenv("LOCK_SERVERS");
        if (named == null || named.isBlank()) {
            throw new IllegalStateException("LOCK_SERVERS names no server; run scripts/clients java");
        }
        return named.trim().split("\\s+")[0];
    }

    static String host() {
        return address().substring(0, address().lastIndexOf(':'));
    }

    static int port() {
        return Integer.parseInt(address().substring(address().lastIndexOf(':') + 1));
    }

    /** A name that no other test and no earlier run has used. */
    static String freshKey() {
        return "lock:order:" + UUID.randomUUID();
    }

    /** What the key holds, null when it is free. */
    static String token(String key) {
        return WITNESS.get(key);
    }

    /** Writes a holder that no library under test knows of. */
    static void hold(String key, String token, Duration ttl) {
        WITNESS.psetex(key, ttl.toMillis(), token);
    }

    static void assertHeld(String key, String token, Duration above, Duration limit) {
        assertEquals(token, token(key));
        long ttlMs = WITNESS.pttl(key);
        assertTrue(
                ttlMs > above.toMillis() && ttlMs <= limit.toMillis(),
                () -> ttlMs + " ms to live, not within " + above + " to " + limit);
    }

    static void untilFree(String key) throws Exception {
        until(key + " is free", () -> token(key) == null);
    }

    /** Polls until the condition holds, and fails if it does not within {@link #PATIENCE}. */
    static void until(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.call()) {
            assertTrue(System.nanoTime() < deadline, () -> "not within " + PATIENCE + ": " + what);
            Thread.sleep(POLL_WAIT_MS);
        }
    }
}
