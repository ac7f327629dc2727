-- settle.lua: a captured payment takes its hold: HELD → PAID, once.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), reservation suffix, payment_id}
-- Returns msgpack {outcome, record | ''}; outcome: paid (this call did it), already (the same
--   payment did before), other (another payment did), gone (expired or cancelled), absent (no such
--   reservation), missing (the sale itself), fenced.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, '' }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, id, payment_id = clock(ask[1]), ask[2], ask[3]
local packed = call('HGET', KEYS[6], id)
if not packed then return cmsgpack.pack({ 'absent', '' }) end
local record = cmsgpack.unpack(packed)
if record[1] == 'paid' then
  return cmsgpack.pack({ record[9] == payment_id and 'already' or 'other', packed })
end
if record[1] ~= 'held' then return cmsgpack.pack({ 'gone', packed }) end

record[1], record[9] = 'paid', payment_id
record[10] = journal('paid', now, 'r', id, 'p', payment_id)
packed = cmsgpack.pack(record)
for _, line in ipairs(record[8]) do
  local cell = cell_of(line[1], record[11])
  add('h', cell, -line[2])
  add('s', cell, line[2])
end
call('ZREM', KEYS[5], id)
call('HSET', KEYS[6], id, packed)
return cmsgpack.pack({ 'paid', packed })
