-- Append critical events to a room if nobody else was faster, and tell the workers.
-- KEYS 1 room (hash)  2 critical (stream)
-- ARGV 1 epoch  2 seq the caller decided on  3 seq after  4 state blob  5 events kept, about
--      6 bus channel  7 bus payload  8 PUBLISH, on a cluster SPUBLISH  9.. pairs of seq, raw event
-- Returns {"ok"} | {"conflict", epoch, seq} | {"missing"}
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not place[1] then
  return {'missing'}
end
if place[1] ~= ARGV[1] or place[2] ~= ARGV[2] then
  return {'conflict', place[1], place[2]}
end
for at = 9, #ARGV, 2 do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], ARGV[at] .. '-0', 'raw', ARGV[at + 1])
end
redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'state', ARGV[4])
redis.call(ARGV[8], ARGV[6], ARGV[7])
return {'ok'}
