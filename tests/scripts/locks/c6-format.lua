-- C6: a channel through string.format
if redis.call("get", KEYS[1]) == ARGV[1] then
  redis.call("del", KEYS[1])
  redis.call("publish", string.format("lock:%s", KEYS[1]), 1)
end
