-- Begin an auction, once.
-- KEYS 1 auction (hash)
-- ARGV 1 seconds to keep  2.. pairs of field and value: state, start, step, max (0 for none),
--      extend_ms (0 for sudden death), close_ms, latest_ms
-- Returns 1, or 0 when there is one of this id
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'v', 0, 'bids', 0, unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
