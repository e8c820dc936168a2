-- C2: a ttl in the script
if redis.call("get",KEYS[1])==ARGV[1] then return redis.call("pexpire",KEYS[1],300e3) end return 0
