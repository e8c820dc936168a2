-- C5: items of a reply
local v = redis.call("mget", KEYS[1], KEYS[2])
return {v[1], v[2], v[3], #v, #KEYS, #ARGV}
