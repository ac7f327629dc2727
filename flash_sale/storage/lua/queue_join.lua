-- queue_join.lua: one person takes a place in the line before a sale, once.
-- The last four KEYS are 1 queue (counters) 2 early 3 line 4 admitted.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), user_id, early rank (below 2^48), opens_before_ms,
--         rate_per_s (0 = no waiting), admission_ms, spent challenge | ''}
-- Returns {outcome, start_ms | 0}; outcome: waiting (also when in line before), admitted,
--   not_started (too early to join), ended, full, spent (this challenge was used), missing, fenced.
local LATE, PEOPLE_MAX = 281474976710656, 2000000
local QUEUE, LINE, ADMITTED = KEYS[#KEYS - 3], KEYS[#KEYS - 1], KEYS[#KEYS]
local why_not = closed_to_change()
if why_not then return { why_not, 0 } end
local ask = cmsgpack.unpack(ARGV[1])
local now, user, rank, opens_before, rate, admission, challenge = clock(ask[1]), unpack(ask, 2, 7)
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms')
local start_ms, end_ms = tonumber(sale[2]) or 0, tonumber(sale[3]) or 0
if sale[1] ~= 'scheduled' then start_ms = 0 end
call('HLEN', QUEUE); call('ZCARD', KEYS[#KEYS - 2])

if sale[1] == 'stopped' or (start_ms > 0 and now >= end_ms) then return { 'ended', start_ms } end
local until_ms = tonumber(call('ZSCORE', ADMITTED, user)) or 0
if until_ms > now then return { 'admitted', start_ms } end
if call('ZSCORE', LINE, user) then return { 'waiting', start_ms } end
if start_ms == 0 or now < start_ms - opens_before then return { 'not_started', start_ms } end
if challenge ~= '' and call('HGET', QUEUE, 'spent:' .. user) == challenge then return { 'spent', start_ms } end
if call('ZCARD', LINE) >= PEOPLE_MAX then return { 'full', start_ms } end

if challenge ~= '' then call('HSET', QUEUE, 'spent:' .. user, challenge) end
if rate == 0 and now >= start_ms then
  call('ZADD', ADMITTED, whole(now + admission), user)
  call('HINCRBY', QUEUE, 'let_in', 1)
  return { 'admitted', start_ms }
end
if now < start_ms then
  call('ZADD', KEYS[#KEYS - 2], whole(rank), user)
else
  rank = LATE + call('HINCRBY', QUEUE, 'arrivals', 1)
end
call('ZADD', LINE, whole(rank), user)
return { 'waiting', start_ms }
