-- Append claims of a gift whose chain was computed as the caller saw it (Redis has no SHA-256). If
-- the chain moved on meanwhile nothing is written and the caller computes again.
-- KEYS 1 handout (hash)  2 claims (list)  3 marks (hash)
-- ARGV 1 count seen  2 running hash seen  3.. triples of user, name, running hash
-- Returns the claims as JSON | "moved" | "closed"
local gift = redis.call('HMGET', KEYS[1], 'state', 'count', 'hash', 'quota', 'close_ms')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local close = tonumber(gift[5] or '0')
if gift[1] ~= 'open' or (close > 0 and now >= close) then
  return 'closed'
end
local count = tonumber(gift[2])
if gift[2] ~= ARGV[1] or gift[3] ~= ARGV[2] or count + (#ARGV - 2) / 3 > tonumber(gift[4]) then
  return 'moved'
end
local claims = {}
for at = 3, #ARGV, 3 do
  local user, running = ARGV[at], ARGV[at + 2]
  local claim = cjson.encode({ index = count, user_id = user, name = ARGV[at + 1],
    running_hash = running, ts = now })
  redis.call('RPUSH', KEYS[2], claim)
  redis.call('HSET', KEYS[3], user, 1, user .. '/', count)
  claims[#claims + 1] = claim
  count = count + 1
end
redis.call('HSET', KEYS[1], 'count', string.format('%.0f', count), 'hash', ARGV[#ARGV])
return claims
