package quintlock.clients;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assertions;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.params.SetParams;

/** Jedis over a pool of connections. */
class JedisTest extends HandWrittenLock {
    private final RedisClient client = RedisClient.create(Servers.host(), Servers.port());
    private JedisPubSub subscription;
    private Thread subscriber;

    @AfterEach
    void close() throws InterruptedException {
        if (subscription != null) {
            subscription.unsubscribe();
            subscriber.join();
        }
        client.close();
    }

    @Override
    boolean take(String key, String token, Duration ttl) {
        return "OK".equals(client.set(key, token, SetParams.setParams().nx().px(ttl.toMillis())));
    }

    @Override
    long evaluate(String script, String key, String... arguments) {
        return (Long) client.eval(script, List.of(key), List.of(arguments));
    }

    @Override
    long evaluateByDigest(String script, String key, String... arguments) {
        return (Long) client.evalsha(client.scriptLoad(script, key), List.of(key), List.of(arguments));
    }

    @Override
    BlockingQueue<String> subscribe(String channel) throws InterruptedException {
        var messages = new LinkedBlockingQueue<String>();
        var isSubscribed = new CountDownLatch(1);
        subscription = new JedisPubSub() {
            @Override
            public void onSubscribe(String name, int channels) {
                isSubscribed.countDown();
            }

            @Override
            public void onMessage(String name, String message) {
                messages.add(message);
            }
        };
        // Jedis holds the thread for as long as the subscription lasts.
        subscriber = new Thread(() -> client.subscribe(subscription, channel));
        subscriber.start();
        Assertions.assertTrue(isSubscribed.await(Servers.PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
        return messages;
    }
}
