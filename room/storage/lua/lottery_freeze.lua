-- Close the entries of an open lottery for good; of any other say how they were closed.
-- KEYS 1 lottery (hash)  2 receipts (hash)  3 who is here (set, made now)  4.. those of the workers
-- ARGV 1 now in ms  2 seconds to keep key 3, 0 where it does not matter who is here
--      3.. banned users; those among the entrants are excluded from winning
-- Returns {state, count, running hash}, or false when there is no such lottery
local lottery = redis.call('HMGET', KEYS[1], 'state', 'count', 'hash')
if not lottery[1] then
  return false
end
if lottery[1] ~= 'open' then
  return lottery
end
local excluded = {}
for at = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 1 then
    excluded[#excluded + 1] = ARGV[at]
  end
end
if ARGV[2] ~= '0' and #KEYS > 3 then
  redis.call('SUNIONSTORE', KEYS[3], unpack(KEYS, 4))
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
redis.call('HSET', KEYS[1], 'state', 'frozen', 'frozen_ms', ARGV[1],
  'excluded', table.concat(excluded, ' '))
return { 'frozen', lottery[2], lottery[3] }
