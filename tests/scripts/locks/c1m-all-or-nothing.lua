-- C1m: all or nothing through MGET
local values = redis.call("mget", unpack(KEYS))
for i, _ in ipairs(KEYS) do
  if values[i] ~= ARGV[1] then
    return false
  end
end
return redis.call("del", unpack(KEYS))
