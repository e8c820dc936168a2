-- C4: sesame, frees keys of a database
redis.pcall("SELECT", tonumber(ARGV[1]))
local count = 0
for i, key in ipairs(KEYS) do
  if redis.pcall("get", key) == ARGV[2] then
    redis.pcall("del", key)
    count = count + 1
  end
end
return count
