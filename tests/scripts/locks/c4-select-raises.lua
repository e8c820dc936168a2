-- C4: a release in a database that may not be there
redis.call('select', ARGV[1])
if redis.call('get', KEYS[1]) == ARGV[2] then
  return redis.call('del', KEYS[1])
else
  return 0
end
