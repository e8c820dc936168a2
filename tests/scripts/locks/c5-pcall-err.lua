-- C5: an error looked at
local v = redis.pcall("get", KEYS[1])
if type(v) == "table" and v.err then return v["err"] end
return v
