-- One person wants a question answered; again changes nothing.
-- KEYS 1 open (sorted set: id by votes × 2^32 − place)  2 voters (set)  3 meta (hash)
-- ARGV 1 id  2 user
-- Returns the votes, or false when the question is not open
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then return false end
if redis.call('SADD', KEYS[2], ARGV[2]) == 1 then
  score = redis.call('ZINCRBY', KEYS[1], '4294967296', ARGV[1])
  redis.call('HINCRBY', KEYS[3], 'rev', 1)
end
return math.ceil(tonumber(score) / 4294967296)
