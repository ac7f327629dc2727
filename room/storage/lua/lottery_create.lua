-- Keep a new lottery, unless there is one of this id.
-- KEYS 1 lottery (hash)
-- ARGV pairs of field, value
-- Returns 1, or 0 when it exists
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
