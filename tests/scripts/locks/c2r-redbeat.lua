-- C2r: seconds, additive
local token = redis.call("get", KEYS[1])
if not token or token ~= ARGV[1] then return 0 end
local left = redis.call("ttl", KEYS[1])
if left < 0 then return 0 end
redis.call("expire", KEYS[1], left + ARGV[2])
return 1
