-- C1m: a loop over the values
local values = redis.call("MGET", unpack(KEYS))
for _, value in ipairs(values) do
  if value ~= ARGV[1] then return redis.status_reply("DIFFERS") end
end
redis.call("UNLINK", unpack(KEYS))
return redis.status_reply("OK")
