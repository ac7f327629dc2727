-- Begin a new epoch of a room (or the room itself) if it is still in the epoch the caller saw.
-- KEYS 1 room (hash)  2 critical (stream)
-- ARGV 1 epoch seen, empty for none  2 new epoch  3 seq  4 state blob  5 bus channel  6 bus payload
--      7 PUBLISH, on a cluster SPUBLISH
-- Returns 1, or 0 when the room is in another epoch
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if (epoch or '') ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'seq', ARGV[3], 'state', ARGV[4])
redis.call(ARGV[7], ARGV[5], ARGV[6])
return 1
