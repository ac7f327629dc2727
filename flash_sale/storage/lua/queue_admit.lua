-- queue_admit.lua: lets in from the head of the line whom the rate allows since the last call.
-- The last four KEYS are 1 queue (counters) 2 early 3 line 4 admitted.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), rate_per_s (0 = everybody), admission_ms, people_max}
-- Returns {outcome, until_ms, {user, ...}}; outcome: open, early (before the start), ended, missing,
--   fenced. An idle line saves up one second of its rate, no more.
local QUEUE, LINE, ADMITTED = KEYS[#KEYS - 3], KEYS[#KEYS - 1], KEYS[#KEYS]
local why_not = closed_to_change()
if why_not then return { why_not, 0, {} } end
local ask = cmsgpack.unpack(ARGV[1])
local now, rate, admission, people_max = clock(ask[1]), ask[2], ask[3], ask[4]
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms')
local start_ms, end_ms = tonumber(sale[2]) or 0, tonumber(sale[3]) or 0
if sale[1] == 'stopped' or (sale[1] == 'scheduled' and now >= end_ms) then return { 'ended', 0, {} } end
if sale[1] ~= 'scheduled' or now < start_ms then return { 'early', 0, {} } end

local counters = call('HMGET', QUEUE, 'credit', 'at_ms')
local since = math.max(0, now - math.max(tonumber(counters[2]) or 0, start_ms))
local credit, allowed = 0, people_max
if rate > 0 then
  credit = math.min(1000 * rate, (tonumber(counters[1]) or 0) + since * rate)
  allowed = math.min(people_max, math.floor(credit / 1000))
end
local first = allowed > 0 and call('ZRANGE', LINE, 0, allowed - 1) or {}
local until_ms = now + admission
if rate > 0 then credit = credit - 1000 * #first end
call('ZCARD', ADMITTED)
call('HSET', QUEUE, 'credit', whole(credit), 'at_ms', whole(now))
for _, user in ipairs(first) do
  call('ZREM', LINE, user)
  call('ZADD', ADMITTED, whole(until_ms), user)
end
if #first > 0 then call('HINCRBY', QUEUE, 'let_in', #first) end
return { 'open', until_ms, first }
