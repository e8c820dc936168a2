-- C1m: npm redlock 4, unlock over all keys
	local count = 0
	for i, key in ipairs(KEYS) do
		if redis.call("get", key) == ARGV[1] then
			if redis.pcall("del", key) == 1 then
				count = count + 1
			end
		end
	end
	return count
