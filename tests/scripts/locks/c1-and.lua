-- C1: guard and answer in one expression
return redis.call("get", KEYS[1]) == ARGV[1] and redis.call("del", KEYS[1]) or 0
