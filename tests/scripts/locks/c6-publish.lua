-- C6: compare-and-delete, then wake
if redis.call("get", KEYS[1]) == ARGV[1] then
  redis.call("del", KEYS[1])
  redis.call("publish", ARGV[2], "released")
  return 1
end
return 0
