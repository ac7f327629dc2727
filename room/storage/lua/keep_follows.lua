-- Remember answers about followers, each with the revision it was read at; a newer one stays.
-- KEYS 1 answers (hash)
-- ARGV 1 revision  2 seconds to keep  3.. field, answer, field, answer, …
-- Returns how many were remembered
local rev, kept = tonumber(ARGV[1]), 0
local is_new = redis.call('EXISTS', KEYS[1]) == 0
for at = 3, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[at])
  if not known or tonumber(string.match(known, '^%d+')) <= rev then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[1] .. ':' .. ARGV[at + 1])
    kept = kept + 1
  end
end
if is_new then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return kept
