-- C5: arithmetic on what is stored
local v = redis.call("get", KEYS[1])
return {v + 1, v * 2 - 1, -v, v / 4, v % 7, tostring(v / 4), "n" .. v * 10}
