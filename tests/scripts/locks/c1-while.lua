-- C1: a while loop
local i = 1
while KEYS[i] do redis.call("del", KEYS[i]) i = i + 1 end
return i
