-- C2r: both sides as numbers
if redis.call("get", KEYS[1]) ~= ARGV[1] then return -1 end
local left = tonumber(redis.call("pttl", KEYS[1]))
local more = tonumber(ARGV[2])
if left >= more then return 0 end
return redis.call("pexpire", KEYS[1], more + left)
