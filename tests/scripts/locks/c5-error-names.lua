-- C5: errors that name what is wrong
local left = redis.call("pttl", KEYS[1])
local text = redis.call("get", KEYS[1])
if left > 0 then return text .. ":" .. ARGV[1] end
if left == -1 then return ARGV[2] + ARGV[3] end
return "none" .. text.ok .. left
