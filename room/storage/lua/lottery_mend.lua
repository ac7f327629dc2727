-- Bring the entries back to what the journal says, if the chain still stands as the caller saw it.
-- KEYS 1 lottery (hash)  2 entries (list)  3 receipts (hash)  4 names (hash)
-- ARGV 1 count seen  2 running hash seen  3 how many of the entries to keep
--      4 count after  5 running hash after  6.. triples of user, name, receipt to append
-- Returns "ok" | "moved" | "over" | "missing"
local lottery = redis.call('HMGET', KEYS[1], 'state', 'count', 'hash')
if not lottery[1] then
  return 'missing'
end
if lottery[1] ~= 'open' and lottery[1] ~= 'frozen' then
  return 'over'
end
if lottery[2] ~= ARGV[1] or lottery[3] ~= ARGV[2] then
  return 'moved'
end
local keep = tonumber(ARGV[3])
for _, user in ipairs(redis.call('LRANGE', KEYS[2], keep, -1)) do
  redis.call('HDEL', KEYS[3], user)
  redis.call('HDEL', KEYS[4], user)
end
if keep == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('LTRIM', KEYS[2], 0, keep - 1)
end
for at = 6, #ARGV, 3 do
  redis.call('RPUSH', KEYS[2], ARGV[at])
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 2])
end
redis.call('HSET', KEYS[1], 'count', ARGV[4], 'hash', ARGV[5])
return 'ok'
