-- C1: redis.call under another name
local call = redis.call
if call("get", KEYS[1]) == ARGV[1] then return call("del", KEYS[1]) end
return 0
