-- C3: an error table where another holds it
local v = redis.call("get", KEYS[1])
if v and v ~= ARGV[1] then return {err = "LOCKED by " .. v} end
local r = redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2])
return r.ok
