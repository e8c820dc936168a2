package quintlock.clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What a lock does that an application writes for itself on a client library: SET NX PX, and scripts that compare the
 * token.
 *
 * <p>A subclass is a client library, which translates these verbs and adds nothing of its own.
 */
abstract class HandWrittenLock {
    private static final Duration NONE = Duration.ZERO;
    private static final Duration SHORT = Duration.ofSeconds(10);
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration LONGER = Duration.ofSeconds(60);

    /** SET NX PX. */
    abstract boolean take(String key, String token, Duration ttl);

    /** The script's integer by EVAL. */
    abstract long evaluate(String script, String key, String... arguments);

    /** The script's integer by EVALSHA, once it was loaded. */
    abstract long evaluateByDigest(String script, String key, String... arguments);

    /** Subscribes, and returns where the messages arrive. */
    abstract BlockingQueue<String> subscribe(String channel) throws Exception;

    private boolean release(String key, String token) {
        return evaluate(Servers.COMPARE_AND_DELETE, key, token) == 1;
    }

    private boolean extend(String key, String token, Duration ttl) {
        return evaluateByDigest(Servers.COMPARE_AND_EXPIRE, key, token, String.valueOf(ttl.toMillis())) == 1;
    }

    @Test
    void acquireSetsTokenAndDeadline() {
        String key = Servers.freshKey();
        assertTrue(take(key, "mine", LONG));
        Servers.assertHeld(key, "mine", NONE, LONG);
    }

    @Test
    void contentionRefusesTheSecondAndChangesNothing() {
        String key = Servers.freshKey();
        assertTrue(take(key, "mine", LONG));
        assertFalse(take(key, "yours", LONGER));
        Servers.assertHeld(key, "mine", NONE, LONG);
    }

    @Test
    void extendGivesTheHolderMoreTimeAndNobodyElse() {
        String key = Servers.freshKey();
        assertTrue(take(key, "mine", SHORT));
        assertFalse(extend(key, "yours", LONGER));
        Servers.assertHeld(key, "mine", NONE, SHORT);
        assertTrue(extend(key, "mine", LONGER));
        Servers.assertHeld(key, "mine", SHORT, LONGER);
        assertFalse(extend(Servers.freshKey(), "mine", LONGER), "a lock that is gone was extended");
    }

    @Test
    void releaseFreesTheLockOnce() {
        String key = Servers.freshKey();
        assertTrue(take(key, "mine", LONG));
        assertTrue(release(key, "mine"));
        assertNull(Servers.token(key));
        assertFalse(release(key, "mine"));
        assertTrue(take(key, "next", LONG));
        assertEquals(1, evaluateByDigest(Servers.COMPARE_AND_DELETE, key, "next"));
        assertNull(Servers.token(key));
    }

    @Test
    void releaseWakesAWaiterWhoSubscribed() throws Exception {
        String key = Servers.freshKey();
        String channel = Servers.freshKey();
        BlockingQueue<String> messages = subscribe(channel);
        assertTrue(take(key, "mine", LONGER));
        assertEquals(1, evaluate(Servers.COMPARE_DELETE_AND_WAKE, key, "mine", channel));
        assertEquals("released", messages.poll(Servers.PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
        assertTrue(take(key, "woken", LONG));
    }

    @Test
    void wrongTokenReleasesNothing() {
        String key = Servers.freshKey();
        Servers.hold(key, "somebody else's", LONG);
        assertFalse(release(key, "mine"));
        Servers.assertHeld(key, "somebody else's", NONE, LONG);
    }

    @Test
    void expiryFreesTheLockAndTheLateHolderCannotReleaseTheNext() throws Exception {
        String key = Servers.freshKey();
        assertTrue(take(key, "late", Duration.ofMillis(100)));
        Servers.untilFree(key);
        assertTrue(take(key, "next", LONG));
        assertFalse(release(key, "late"));
        Servers.assertHeld(key, "next", NONE, LONG);
    }
}
