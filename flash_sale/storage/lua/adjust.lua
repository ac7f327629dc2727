-- adjust.lua: staff add pieces (restock) or take unsold ones out (write_off), once a key.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), 'restock' | 'write_off', sku_id, qty pieces, key,
--         actor, reason}
-- Returns msgpack {outcome, left, version}; outcome: done (also for a known key, with the level of
--   that time), key_reused, bad_request, not_found, conflict (fewer available than to write off, or
--   more pieces than a SKU may ever have), missing, fenced.
local QTY_MAX = 1000000
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, 0, 0 }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, kind, sku, qty, key, actor, reason = clock(ask[1]), unpack(ask, 2, 7)
local field, body = '!' .. key, kind .. ' ' .. sku .. ' ' .. tostring(qty) .. ' '
local known = call('HGET', KEYS[3], field)
if known then
  if known:sub(1, #body) ~= body then return cmsgpack.pack({ 'key_reused', 0, 0 }) end
  local left, version = known:match('(%d+) (%d+)$')
  return cmsgpack.pack({ 'done', tonumber(left), tonumber(version) })
end
if type(qty) ~= 'number' or qty ~= math.floor(qty) or qty < 1 or qty > QTY_MAX then
  return cmsgpack.pack({ 'bad_request', 0, 0 })
end
local row = call('HMGET', KEYS[2], 'a:' .. sku, 'i:' .. sku, 'r:' .. sku)
if not row[1] then return cmsgpack.pack({ 'not_found', 0, 0 }) end
local short = kind == 'write_off' and qty > tonumber(row[1])
local much = kind == 'restock' and tonumber(row[2]) + tonumber(row[3]) + qty > QTY_MAX
if short or much then return cmsgpack.pack({ 'conflict', 0, 0 }) end

local given = kind == 'restock' and qty or -qty
journal(kind, now, 's', sku, 'q', whole(qty), 'by', actor, 'why', reason, 'key', key)
add('a', sku, given)
add(kind == 'restock' and 'r' or 'w', sku, qty)
add('v', sku, 1)
if kind == 'restock' then serve_waiting({ [sku] = level(sku) }, now) end
local now_at = level(sku)
call('HSET', KEYS[3], field, body .. whole(now_at[1]) .. ' ' .. whole(now_at[2]))
return cmsgpack.pack({ 'done', now_at[1], now_at[2] })
