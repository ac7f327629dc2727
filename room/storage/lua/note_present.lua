-- Somebody without a socket says that they are in the room; they count as online until a time.
-- KEYS 1 present without a socket (sorted set, user by the time until which they are)
-- ARGV 1 user  2 ms one beat counts  3 people at most, past it newcomers are not counted
-- Returns the ms since their last beat, or -1 when they were not present
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
if before <= now and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if before <= now then return -1 end
return now - (before - ARGV[2])
