-- C2: codes 0, 1, 2
local v = redis.call("get", KEYS[1])
if v == false then return 1
elseif v ~= ARGV[1] then return 2
elseif redis.call("ttl", KEYS[1]) < 0 then return 3 end
redis.call("expire", KEYS[1], ARGV[2])
return 0
