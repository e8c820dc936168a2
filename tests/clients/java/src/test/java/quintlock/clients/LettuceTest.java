package quintlock.clients;

import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;

/** Lettuce over one connection, in RESP3. */
class LettuceTest extends HandWrittenLock {
    private final RedisClient client = RedisClient.create("redis://" + Servers.address());
    private final RedisCommands<String, String> commands = client.connect().sync();

    @AfterEach
    void close() {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
    }

    @Override
    boolean take(String key, String token, Duration ttl) {
        return "OK".equals(commands.set(key, token, SetArgs.Builder.nx().px(ttl.toMillis())));
    }

    @Override
    long evaluate(String script, String key, String... arguments) {
        return commands.<Long>eval(script, ScriptOutputType.INTEGER, new String[] {key}, arguments);
    }

    @Override
    long evaluateByDigest(String script, String key, String... arguments) {
        String digest = commands.scriptLoad(script);
        return commands.<Long>evalsha(digest, ScriptOutputType.INTEGER, new String[] {key}, arguments);
    }

    @Override
    BlockingQueue<String> subscribe(String channel) {
        var messages = new LinkedBlockingQueue<String>();
        var connection = client.connectPubSub();
        connection.addListener(new RedisPubSubAdapter<>() {
            @Override
            public void message(String name, String message) {
                messages.add(message);
            }
        });
        connection.sync().subscribe(channel);
        return messages;
    }
}
