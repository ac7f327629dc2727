-- waitlist_join.lua: one person waits for pieces of a SKU that is sold out, once.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), user_id, sku_id, qty pieces, reservation suffix, key,
--         fingerprint (24 bytes)}: the last three are those of the hold it may become
-- Returns {outcome, place from 0 | -1}; outcome: waiting (also when waiting before), not_started,
--   ended, not_found, limit_reached, conflict (it can be bought), closed (the list is full), missing,
--   fenced.
local WAITERS_MAX = 100000
local why_not = closed_to_change()
if why_not then return { why_not, -1 } end
local ask = cmsgpack.unpack(ARGV[1])
local now, user, sku, qty, id, key, fingerprint = clock(ask[1]), unpack(ask, 2, 7)
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms')
local row = call('HMGET', KEYS[2], 'a:' .. sku, 'l:' .. sku)
local field = sku .. ':' .. user

local function place(number) return call('ZLEXCOUNT', WAITING, '[' .. sku .. ':', '(' .. sku .. ':' .. number) end

if sale[1] == 'stopped' then return { 'ended', -1 } end
if sale[1] ~= 'scheduled' or now < tonumber(sale[2]) then return { 'not_started', -1 } end
if now >= tonumber(sale[3]) then return { 'ended', -1 } end
if not row[1] then return { 'not_found', -1 } end
local known = call('HGET', WAITERS, field)
if known then return { 'waiting', place(cmsgpack.unpack(known)[5]) } end
local limit, count = tonumber(row[2]), tonumber(call('HGET', KEYS[4], user .. ':' .. sku)) or 0
if limit > 0 and count + qty > limit then return { 'limit_reached', -1 } end
if tonumber(row[1]) >= qty then return { 'conflict', -1 } end
if call('ZCARD', WAITING) >= WAITERS_MAX then return { 'closed', -1 } end

local number = string.format('%012d', call('HINCRBY', WAITERS, '!next', 1))
call('ZADD', WAITING, 0, sku .. ':' .. number .. ':' .. user)
call('HSET', WAITERS, field, cmsgpack.pack({ qty, id, key, fingerprint, number }))
return { 'waiting', place(number) }
