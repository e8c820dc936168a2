-- C1m: a counting loop with a local key, from the last
for i = #KEYS, 1, -1 do local k = KEYS[i]
  if redis.call("get", k) ~= ARGV[1] then return i end
  redis.call("del", k)
end
return 0
