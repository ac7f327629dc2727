-- Append entries whose receipts were computed from the chain as the caller saw it (Redis has no
-- SHA-256). If the chain moved on meanwhile nothing is written and the caller computes again.
-- KEYS 1 lottery (hash)  2 entries (list)  3 receipts (hash)  4 names (hash)
-- ARGV 1 count seen  2 running hash seen, empty for none  3 running hash after
--      4.. triples of user, name, receipt
-- Returns "ok" | "moved" | "closed" | "missing"
local lottery = redis.call('HMGET', KEYS[1], 'state', 'count', 'hash')
if not lottery[1] then
  return 'missing'
end
if lottery[1] ~= 'open' then
  return 'closed'
end
if lottery[2] ~= ARGV[1] or lottery[3] ~= ARGV[2] then
  return 'moved'
end
for at = 4, #ARGV, 3 do
  redis.call('RPUSH', KEYS[2], ARGV[at])
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 2])
end
local count = tonumber(ARGV[1]) + (#ARGV - 3) / 3
redis.call('HSET', KEYS[1], 'count', string.format('%.0f', count), 'hash', ARGV[3])
return 'ok'
