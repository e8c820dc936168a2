-- C2: all keys, as npm redlock 4 extends
	local values = redis.call("mget", unpack(KEYS))
	for i = 1, #values do
		if values[i] ~= ARGV[1] then
			return 0
		end
	end
	for i = 1, #values do
		redis.call("pexpire", KEYS[i], ARGV[2])
	end
	return #KEYS
