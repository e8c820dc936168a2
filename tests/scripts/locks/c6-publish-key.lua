-- C6: the channel is made of the key
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('UNLINK', KEYS[1])
  redis.call('PUBLISH', 'channel:' .. KEYS[1], KEYS[1])
  return true
end
return false
