-- C4: options of SET from ARGV
return redis.call("set", KEYS[1], unpack(ARGV))
