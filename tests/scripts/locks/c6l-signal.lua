-- C6L: wakes through a list, whose commands are not native
if redis.call("get", KEYS[1]) ~= ARGV[1] then return 1 end
redis.call("del", KEYS[2])
redis.call("lpush", KEYS[2], 1)
redis.call("pexpire", KEYS[2], 100000)
redis.call("del", KEYS[1])
return 0
