-- C4: MSETNX over two keys, expiry behind
if redis.call("msetnx", KEYS[1], ARGV[1], KEYS[2], ARGV[1]) == 0 then return 0 end
for i = 1, 2 do redis.call("pexpire", KEYS[i], ARGV[2]) end
return 1
