-- Credit watched time; what overlaps with time credited before counts once.
-- KEYS 1 watched (hash)  2 watched until (hash)  3 watched total (integer)
-- ARGV 1 seconds to keep it all  2.. triples of user, from in ms, to in ms
-- Returns the ms credited by this call
local credited = 0
for at = 2, #ARGV, 3 do
  local user, to = ARGV[at], tonumber(ARGV[at + 2])
  local from = math.max(tonumber(ARGV[at + 1]), tonumber(redis.call('HGET', KEYS[2], user) or '0'))
  if to > from then
    redis.call('HINCRBY', KEYS[1], user, string.format('%.0f', to - from))
    redis.call('HSET', KEYS[2], user, string.format('%.0f', to))
    credited = credited + to - from
  end
end
if credited > 0 then
  redis.call('INCRBY', KEYS[3], string.format('%.0f', credited))
  redis.call('EXPIRE', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[1])
end
return credited
