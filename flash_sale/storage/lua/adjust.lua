-- adjust.lua: staff add pieces (restock) or take unsold ones out (write_off), once a key.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), 'restock' | 'write_off', sku_id, qty pieces, key,
--         actor, reason, channel, suffix}: a restock of pieces that the buyer of a paid reservation gave
--         back frees their limit by as many; '' for any other.
-- Returns msgpack {outcome, left, version}; outcome: done (also for a known key, with the level of
--   that time), key_reused, bad_request, not_found, conflict (fewer available than to write off, or
--   more pieces or channels than a SKU may ever have), missing, fenced.
local QTY_MAX, CHANNELS_MAX = 1000000, 16
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, 0, 0 }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, kind, sku, qty, key, actor, reason, channel, id = clock(ask[1]), unpack(ask, 2, 9)
local cell = cell_of(sku, channel)
local field, body = '!' .. key, kind .. ' ' .. cell .. ' ' .. tostring(qty) .. ' '
local known = call('HGET', KEYS[3], field)
if known then
  if known:sub(1, #body) ~= body then return cmsgpack.pack({ 'key_reused', 0, 0 }) end
  local left, version = known:match('(%d+) (%d+)$')
  return cmsgpack.pack({ 'done', tonumber(left), tonumber(version) })
end
if type(qty) ~= 'number' or qty ~= math.floor(qty) or qty < 1 or qty > QTY_MAX then
  return cmsgpack.pack({ 'bad_request', 0, 0 })
end
local row = call('HMGET', KEYS[2], 'c:' .. sku, 'a:' .. cell)
if not row[1] or (kind == 'write_off' and not row[2]) then return cmsgpack.pack({ 'not_found', 0, 0 }) end
local short, much = kind == 'write_off' and qty > tonumber(row[2]), false
if kind == 'restock' then
  local ever, channels = qty, 0
  for name in row[1]:gmatch('%S+') do
    local its = cell_of(sku, name)
    local counts = call('HMGET', KEYS[2], 'i:' .. its, 'r:' .. its)
    ever, channels = ever + tonumber(counts[1]) + tonumber(counts[2]), channels + 1
  end
  much = ever > QTY_MAX or (not row[2] and channels >= CHANNELS_MAX)
end
if short or much then return cmsgpack.pack({ 'conflict', 0, 0 }) end

local record, kept = id ~= '' and call('HGET', KEYS[6], id), 0
record = record and cmsgpack.unpack(record)
if record and record[1] == 'paid' and kind == 'restock' then
  for _, line in ipairs(record[8]) do kept = kept + (line[1] == sku and line[2] or 0) end
  record[12] = record[12] or {}
  kept = kept - (record[12][sku] or 0)
end
local frees = kept >= qty

local given = kind == 'restock' and qty or -qty
journal(kind, now, 's', sku, 'q', whole(qty), 'c', channel, 'by', actor, 'why', reason, 'key', key, 'r', frees and id or '')
if frees then
  local field = record[2] .. ':' .. sku
  if call('HINCRBY', KEYS[4], field, whole(-qty)) <= 0 then call('HDEL', KEYS[4], field) end
  record[12][sku] = (record[12][sku] or 0) + qty
  call('HSET', KEYS[6], id, cmsgpack.pack(record))
end
if not row[2] then open_channel(sku, channel, row[1]) end
add('a', cell, given)
add(kind == 'restock' and 'r' or 'w', cell, qty)
add('v', cell, 1)
if kind == 'restock' and channel == 'live' then serve_waiting({ [sku] = now }, now) end
local now_at = level(cell)
call('HSET', KEYS[3], field, body .. whole(now_at[1]) .. ' ' .. whole(now_at[2]))
return cmsgpack.pack({ 'done', now_at[1], now_at[2] })
