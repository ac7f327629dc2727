-- reclaim.lua: money came after the hold was gone: take the pieces again if all are there.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), reservation suffix, payment_id}
-- Returns msgpack {outcome, record | '', {sku_id: {left, version}} changed in `live`}; outcome: paid, already,
--   other, absent, missing, fenced (as settle.lua), held (settle it instead), limit_reached, sold_out.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, '', {} }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, id, payment_id = clock(ask[1]), ask[2], ask[3]
local packed = call('HGET', KEYS[6], id)
if not packed then return cmsgpack.pack({ 'absent', '', {} }) end
local record = cmsgpack.unpack(packed)
if record[1] == 'paid' then
  return cmsgpack.pack({ record[9] == payment_id and 'already' or 'other', packed, {} })
end
if record[1] == 'held' then return cmsgpack.pack({ 'held', packed, {} }) end
local need = {}  -- a merged order may name one SKU on two lines
for _, line in ipairs(record[8]) do need[line[1]] = (need[line[1]] or 0) + line[2] end
for sku, qty in pairs(need) do
  local limit = tonumber(call('HGET', KEYS[2], 'l:' .. sku))
  local count = tonumber(call('HGET', KEYS[4], record[2] .. ':' .. sku)) or 0
  if limit > 0 and count + qty > limit then return cmsgpack.pack({ 'limit_reached', packed, {} }) end
end
for sku, qty in pairs(need) do
  if qty > level(cell_of(sku, record[11]))[1] then return cmsgpack.pack({ 'sold_out', packed, {} }) end
end

local levels = {}
record[1], record[9] = 'paid', payment_id
record[10] = journal('reclaimed', now, 'r', id, 'p', payment_id)
packed = cmsgpack.pack(record)
for _, line in ipairs(record[8]) do
  local cell, qty = cell_of(line[1], record[11]), line[2]
  add('a', cell, -qty)
  add('s', cell, qty)
  add('v', cell, 1)
  call('HINCRBY', KEYS[4], record[2] .. ':' .. line[1], whole(qty))
  if record[11] == 'live' then levels[cell] = level(cell) end
end
call('HSET', KEYS[6], id, packed)
return cmsgpack.pack({ 'paid', packed, levels })
