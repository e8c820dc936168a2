-- C5: orderings of mixed types
local v = redis.call("get", KEYS[1])
if v <= ARGV[1] then
  return {v > ARGV[2], v < ARGV[1],
    tonumber(ARGV[2]) >= 5}
end
return v < 10
