-- C4: SELECT behind a look at a key
if redis.call('exists', KEYS[1]) == 1 then return 0 end
redis.call('select', 5)
return redis.call('setnx', KEYS[1], ARGV[1])
