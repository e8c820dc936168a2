-- C1: a local function
local function held(key) return redis.call("get", key) == ARGV[1] end
if held(KEYS[1]) then return redis.call("del", KEYS[1]) end
return 0
