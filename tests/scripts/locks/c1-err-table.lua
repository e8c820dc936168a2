-- C1: an error table as answer
if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end
return {err = "NOTLOCKED " .. ARGV[1]}
