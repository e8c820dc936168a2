-- C1: several locals in one statement
local key, token = KEYS[1], ARGV[1]
local held = redis.call("get", key)
if held ~= token then return 0 end
return redis.call("del", key)
