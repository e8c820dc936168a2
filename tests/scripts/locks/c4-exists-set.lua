-- C4: EXISTS and PSETEX
if redis.call('exists', KEYS[1]) == 1 then return 0 end
redis.call('psetex', KEYS[1], ARGV[2], ARGV[1])
return 1
