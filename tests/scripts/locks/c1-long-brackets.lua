-- C1: long brackets and comments
--[[ releases
     a lock ]]
if redis.call([[get]], KEYS[1]) == ARGV[1] --[==[ ours ]==] then
  return redis.call([=[del]=], KEYS[1]) -- one
end
return 0
