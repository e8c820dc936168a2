-- C4: sesame, SELECT first
redis.pcall("SELECT", tonumber(ARGV[1]))
for i, key in ipairs(KEYS) do
  if redis.call("exists", key) == 1 then return 0 end
end
return 1
