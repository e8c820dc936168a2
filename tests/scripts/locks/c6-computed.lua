-- C6: a command named by an argument
redis.call("del", KEYS[1])
return redis.call(ARGV[1], ARGV[2], 1)
