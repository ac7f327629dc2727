-- waitlist_serve.lua: offers what is available to those who wait: what no giving back could offer,
-- because the data was rebuilt or the list was longer than one act looks at.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), {sku_id, ...}}
-- Returns msgpack {'ok', {sku_id: {left, version}} changed, 1 when the window is over else 0}, or
--   {'missing'} / {'fenced'}.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, levels, changed = clock(ask[1]), {}, {}
for _, sku in ipairs(ask[2]) do levels[sku] = level(sku) end
local before = {}
for sku, pair in pairs(levels) do before[sku] = pair[2] end
serve_waiting(levels, now)
for sku, pair in pairs(levels) do
  if pair[2] ~= before[sku] then changed[sku] = pair end
end
local sale = call('HMGET', KEYS[1], 'stage', 'end_ms')
local over = sale[1] == 'stopped' or (sale[1] == 'scheduled' and now >= tonumber(sale[2]))
return cmsgpack.pack({ 'ok', changed, over and 1 or 0 })
