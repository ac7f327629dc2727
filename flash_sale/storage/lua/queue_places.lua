-- queue_places.lua: where people stand, many in one call; changes nothing.
-- The last four KEYS are 1 queue (counters) 2 early 3 line 4 admitted.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), {user_id, ...}}
-- Returns {now_ms, start_ms | 0, people in line, let in so far, {place from 0 | -1, admitted until
--   ms | 0 per user}}. Before the start every place is 0: the shuffle is not told early.
local QUEUE, LINE, ADMITTED = KEYS[#KEYS - 3], KEYS[#KEYS - 1], KEYS[#KEYS]
local ask = cmsgpack.unpack(ARGV[1])
local now = clock(ask[1])
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms')
local start_ms = sale[1] == 'scheduled' and tonumber(sale[2]) or 0
local early = start_ms == 0 or now < start_ms
local places = {}
for i, user in ipairs(ask[2]) do
  local place = call('ZRANK', LINE, user)
  local until_ms = tonumber(call('ZSCORE', ADMITTED, user)) or 0
  places[2 * i - 1] = place and (early and 0 or place) or -1
  places[2 * i] = until_ms > now and until_ms or 0
end
local let_in = tonumber(call('HGET', QUEUE, 'let_in')) or 0
return { now, start_ms, call('ZCARD', LINE), let_in, places }
