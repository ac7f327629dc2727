-- Close the entries of an open lottery for good; of any other say how they were closed.
-- KEYS 1 lottery (hash)  2 receipts (hash)
-- ARGV 1 now in ms  2.. banned users; those among the entrants are excluded from winning
-- Returns {state, count, running hash}, or false when there is no such lottery
local lottery = redis.call('HMGET', KEYS[1], 'state', 'count', 'hash')
if not lottery[1] then
  return false
end
if lottery[1] ~= 'open' then
  return lottery
end
local excluded = {}
for at = 2, #ARGV do
  if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 1 then
    excluded[#excluded + 1] = ARGV[at]
  end
end
redis.call('HSET', KEYS[1], 'state', 'frozen', 'frozen_ms', ARGV[1],
  'excluded', table.concat(excluded, ' '))
return { 'frozen', lottery[2], lottery[3] }
