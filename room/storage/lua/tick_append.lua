-- Keeps the next tick of a room, if whoever made it still holds the lease, and renews that.
-- KEYS 1 ticks (hash)  2 tick (string)  3 start (string)
-- ARGV 1 holder  2 fence  3 n  4 epoch  5 seq  6 said as JSON  7 tick  8 ms a tick is kept
--      9 lease in ms  10 start object, empty for none  11 ms the hash is kept unused
-- Returns false when it is not the next or not the holder's to make, else
-- {ms ticks are wanted yet, ms starts are wanted yet}
local head = redis.call('HMGET', KEYS[1], 'n', 'fence', 'holder', 'wanted', 'starts')
if not head[1] or head[2] ~= ARGV[2] or head[3] ~= ARGV[1] then return false end
if tonumber(head[1]) + 1 ~= tonumber(ARGV[3]) then return false end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[8])
if ARGV[10] ~= '' then redis.call('SET', KEYS[3], ARGV[10], 'PX', ARGV[8]) end
redis.call('HSET', KEYS[1], 'n', ARGV[3], 'epoch', ARGV[4], 'seq', ARGV[5], 'said', ARGV[6],
  'until', string.format('%.0f', now + ARGV[9]))
redis.call('PEXPIRE', KEYS[1], ARGV[11])
return { math.max(0, tonumber(head[4]) - now), math.max(0, tonumber(head[5]) - now) }
