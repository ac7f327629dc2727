-- Keep a comment until staff has judged it.
-- KEYS 1 held (hash)
-- ARGV 1 comment id  2 the comment as JSON  3 most that may wait
-- Returns 1, or 0 when too many wait already
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
