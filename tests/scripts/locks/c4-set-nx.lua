-- C4: SET NX PX and its owner
if redis.call("set", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then return 1 end
return redis.call("get", KEYS[1])
