-- C5: redlock-rb, value and ttl
return { redis.call("get", KEYS[1]), redis.call("pttl", KEYS[1]) }
