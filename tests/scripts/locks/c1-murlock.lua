-- C1: a status as answer
if redis.call("get", KEYS[1]) == ARGV[1] then redis.call("del", KEYS[1]) return redis.status_reply("OK") end
return redis.error_reply("NOTOWNER lock is held by another")
