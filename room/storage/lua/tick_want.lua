-- Says that a room's ticks are wanted, and takes or keeps the right to make them.
-- Taking over draws a new fence, by which `tick_append.lua` refuses whoever was asleep. Where nothing
-- is known of the room's ticks, numbers and fences begin at the clock: a Redis that lost its data must
-- not give a number again that caches may still hold. A tick takes more than the 100 ms a number does.
-- KEYS 1 ticks (hash)
-- ARGV 1 holder  2 lease in ms, 0 to give it up  3 ms ticks are wanted, 0 to say nothing
--      4 ms starts are wanted, 0 to say nothing  5 ms the hash is kept unused
-- Returns {fence, 0 when another has it; n; epoch, empty before the first; seq; said as JSON}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end

if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'n', whole(math.floor(now / 100)), 'epoch', '', 'seq', 0, 'said', '{}',
    'fence', whole(now), 'holder', '', 'until', 0, 'wanted', 0, 'starts', 0)
end
local head = redis.call('HMGET', KEYS[1], 'n', 'epoch', 'seq', 'said', 'fence', 'holder', 'until')
local fence, free = head[5], tonumber(head[7]) <= now
local lease = tonumber(ARGV[2])
if lease == 0 then
  if head[6] == ARGV[1] then redis.call('HSET', KEYS[1], 'until', 0) end
  fence = '0'
elseif free then
  fence = whole(tonumber(fence) + 1)
  redis.call('HSET', KEYS[1], 'fence', fence, 'holder', ARGV[1], 'until', whole(now + lease))
elseif head[6] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'until', whole(now + lease))
else
  fence = '0'
end
if ARGV[3] ~= '0' then redis.call('HSET', KEYS[1], 'wanted', whole(now + ARGV[3])) end
if ARGV[4] ~= '0' then redis.call('HSET', KEYS[1], 'starts', whole(now + ARGV[4])) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return { fence, head[1], head[2], head[3], head[4] }
