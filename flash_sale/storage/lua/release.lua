-- release.lua: gives unpaid holds back: HELD → EXPIRED (deadline passed) or CANCELLED, each once.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), 'expired' | 'cancelled', {reservation suffix, ...}}
-- Returns msgpack {'ok', {released | not_due | absent | paid | expired | cancelled per id},
--   {record per id, '' when absent}, {sku_id: {left, version}} changed in `live`} or {'missing'} / {'fenced'}.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, target, ids = clock(ask[1]), ask[2], ask[3]
local outcomes, records, levels = {}, {}, {}

local function give_back(id, record)
  record[1] = target
  record[10] = journal(target, now, 'r', id)
  for _, line in ipairs(record[8]) do
    local cell, qty, field = cell_of(line[1], record[11]), line[2], record[2] .. ':' .. line[1]
    add('a', cell, qty)
    add('h', cell, -qty)
    add('v', cell, 1)
    if call('HINCRBY', KEYS[4], field, whole(-qty)) <= 0 then call('HDEL', KEYS[4], field) end
    if record[11] == 'live' then levels[cell] = level(cell) end
  end
  call('ZREM', KEYS[5], id)
  call('HSET', KEYS[6], id, cmsgpack.pack(record))
end

for i, id in ipairs(ids) do
  local packed = call('HGET', KEYS[6], id)
  local record = packed and cmsgpack.unpack(packed)
  if not record then
    outcomes[i] = 'absent'
    call('ZREM', KEYS[5], id)
  elseif record[1] ~= 'held' then
    outcomes[i] = record[1]
  elseif target == 'expired' and record[7] > now then
    outcomes[i] = 'not_due'
  else
    give_back(id, record)
    outcomes[i], packed = 'released', cmsgpack.pack(record)
  end
  records[i] = packed or ''
end
serve_waiting(levels, now)
return cmsgpack.pack({ 'ok', outcomes, records, levels })
