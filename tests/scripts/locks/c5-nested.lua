-- C5: nested tables
local v = redis.call("get", KEYS[1])
if not v then return {0, 1, {KEYS[1], "free"}} end
return {1, 1, {KEYS[1], v, redis.call("pttl", KEYS[1]) > 0, nil, "unseen"}}
