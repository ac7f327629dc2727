-- freeze.lua: a payment has begun: its hold lasts a while longer, once, so that the money finds it.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), reservation suffix, freeze_ms}
-- Returns msgpack {outcome, record | ''}; outcome: frozen (the deadline is now + freeze_ms), enough (it
--   is later than that, or was moved before), gone (not held), late (the pay window is over), absent,
--   missing (the sale itself), fenced. The deadline never passes creation + hold + freeze_ms.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, '' }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, id, freeze_ms = clock(ask[1]), ask[2], ask[3]
local packed = call('HGET', KEYS[6], id)
if not packed then return cmsgpack.pack({ 'absent', '' }) end
local record = cmsgpack.unpack(packed)
local first = record[5] + tonumber(call('HGET', KEYS[1], 'hold_ms'))
if record[1] ~= 'held' then return cmsgpack.pack({ 'gone', packed }) end
if now >= record[6] then return cmsgpack.pack({ 'late', packed }) end
if record[7] > first or now + freeze_ms <= record[7] then return cmsgpack.pack({ 'enough', packed }) end

record[7] = now + freeze_ms
record[10] = journal('frozen', now, 'r', id, 'x', whole(record[7]))
packed = cmsgpack.pack(record)
call('ZADD', KEYS[5], whole(record[7]), id)
call('HSET', KEYS[6], id, packed)
return cmsgpack.pack({ 'frozen', packed })
