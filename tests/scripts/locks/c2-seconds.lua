-- C2: seconds times thousand
if redis.call("get", KEYS[1]) == ARGV[1] then
  return redis.call("pexpire", KEYS[1], ARGV[2] * 1000)
end
return 0
