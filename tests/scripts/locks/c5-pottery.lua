-- C5: pottery, ttl while ours
if redis.call('get', KEYS[1]) == ARGV[1] then
    local pttl = redis.call('pttl', KEYS[1])
    return (pttl > 0) and pttl or 0
else
    return 0
end
