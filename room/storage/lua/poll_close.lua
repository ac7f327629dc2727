-- Take no more votes in a poll, and read the final counts; again reads the same.
-- KEYS 1 poll (hash)  2 votes (hash)
-- ARGV 1 seconds to keep both  2.. numbers of the options
-- Returns {voters, votes of each option…}, each a string or false for none; false without a poll
if redis.call('HEXISTS', KEYS[1], 'open') == 0 then return false end
redis.call('HSET', KEYS[1], 'closed', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return redis.call('HMGET', KEYS[1], 'voters', unpack(ARGV, 2))
