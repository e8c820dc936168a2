-- C3: warlock, ttl and id as keys
if redis.call("get", KEYS[1]) == KEYS[3] then
  return redis.call("set", KEYS[1], KEYS[3], "PX", KEYS[2], "XX")
end
return 0
