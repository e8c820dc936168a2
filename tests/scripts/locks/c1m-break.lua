-- C1m: stops at the first foreign key
local held = 0
for _, key in ipairs(KEYS) do
  if redis.call("get", key) ~= ARGV[1] then break end
  held = held + 1
end
if held == #KEYS then redis.call("del", unpack(KEYS)) end
return {held, #KEYS}
