-- C1: the key is an argument
if redis.call("get", ARGV[1]) == ARGV[2] then return redis.call("del", ARGV[1]) end return 0
