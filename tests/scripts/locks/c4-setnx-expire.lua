-- C4: SETNX and EXPIRE
local n = redis.call("setnx", KEYS[1], ARGV[1])
if n == 1 then
  redis.call("expire", KEYS[1], ARGV[2])
end
return n
