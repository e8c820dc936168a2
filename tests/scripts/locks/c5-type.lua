-- C5: type of key and values
local kind = redis.call("type", KEYS[1]).ok
if kind ~= "string" then return redis.status_reply(kind) end
local v = redis.pcall("get", KEYS[1])
return {type(v), #v, tostring(v == ARGV[1]), tostring(nil), tonumber(v)}
