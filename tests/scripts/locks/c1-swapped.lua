-- C1: operands swapped
if ARGV[1] == redis.call("GET", KEYS[1]) then
  return redis.call("DEL", KEYS[1])
end
return 0
