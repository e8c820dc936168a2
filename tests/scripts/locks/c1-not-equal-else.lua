-- C1: guard inverted, with else
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
	return 0
else
	redis.call('DEL', KEYS[1])
	return 1
end
