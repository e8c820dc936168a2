-- C4: bsm, arguments collected in a table
local args = {}
for i, key in ipairs(KEYS) do
  args[i * 2 - 1] = key
  args[i * 2] = ARGV[1]
end
return redis.call("msetnx", unpack(args))
