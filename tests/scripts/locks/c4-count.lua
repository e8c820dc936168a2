-- C4: a semaphore by a counter
local n = tonumber(redis.call("get", KEYS[1]) or "0")
if n >= tonumber(ARGV[1]) then return {0, n} end
n = redis.call("incr", KEYS[1])
if n == 1 then redis.call("pexpire", KEYS[1], 100000) end
return {1, n}
