-- transfer.lua: staff move unsold pieces of a SKU from one channel to another, once a key.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), sku_id, qty pieces, from, to, key, actor, reason}
-- Returns msgpack {outcome, {left, version} of from, {left, version} of to}; outcome: done (also for a
--   known key, with the levels of that time), key_reused, bad_request, not_found (SKU or `from`),
--   conflict (fewer available, or more channels than a SKU may have), missing, fenced.
local QTY_MAX, CHANNELS_MAX = 1000000, 16
local function refuse(outcome) return cmsgpack.pack({ outcome, { 0, 0 }, { 0, 0 } }) end
local why_not = closed_to_change()
if why_not then return refuse(why_not) end
local ask = cmsgpack.unpack(ARGV[1])
local now, sku, qty, from, to, key, actor, reason = clock(ask[1]), unpack(ask, 2, 8)
local giver, taker = cell_of(sku, from), cell_of(sku, to)
local field, body = '!' .. key, table.concat({ 'transfer', giver, taker, tostring(qty), '' }, ' ')
local known = call('HGET', KEYS[3], field)
if known then
  if known:sub(1, #body) ~= body then return refuse('key_reused') end
  local n = {}
  for number in known:sub(#body + 1):gmatch('%d+') do n[#n + 1] = tonumber(number) end
  return cmsgpack.pack({ 'done', { n[1], n[2] }, { n[3], n[4] } })
end
if type(qty) ~= 'number' or qty ~= math.floor(qty) or qty < 1 or qty > QTY_MAX or from == to then
  return refuse('bad_request')
end
local row = call('HMGET', KEYS[2], 'c:' .. sku, 'a:' .. giver, 'a:' .. taker)
if not row[1] or not row[2] then return refuse('not_found') end
local _, channels = row[1]:gsub('%S+', '')
if qty > tonumber(row[2]) or (not row[3] and channels >= CHANNELS_MAX) then return refuse('conflict') end

journal('transfer', now, 's', sku, 'q', whole(qty), 'from', from, 'to', to, 'by', actor, 'why', reason, 'key', key)
if not row[3] then open_channel(sku, to, row[1]) end
local levels = {}
for _, move in ipairs({ { giver, -qty }, { taker, qty } }) do
  add('a', move[1], move[2])
  add('t', move[1], move[2])
  add('v', move[1], 1)
end
if to == 'live' then serve_waiting({ [sku] = now }, now) end
for i, cell in ipairs({ giver, taker }) do levels[i] = level(cell) end
call('HSET', KEYS[3], field, body .. string.format('%d %d %d %d', levels[1][1], levels[1][2], levels[2][1], levels[2][2]))
return cmsgpack.pack({ 'done', levels[1], levels[2] })
