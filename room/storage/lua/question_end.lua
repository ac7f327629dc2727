-- Take a question off the board: answered, or hidden for good; what was answered may be hidden too.
-- KEYS 1 open (sorted set)  2 ends (hash: id → votes and JSON)  3 answered (list of ids, newest first)
--      4 authors (hash)  5 said (hash)  6 meta (hash)  7 replies (list of ms, newest first)
--      8 questions (hash)  9 voters of this question (set)
-- ARGV 1 id  2 end as JSON  3 "answered" | "hidden"  4 user  5 digest  6 reply time in ms
--      7 answered questions and reply times kept
-- Returns votes, a space and the JSON (of the first time, when answered before), or false
local id, kept = ARGV[1], tonumber(ARGV[7])
local before = redis.call('HGET', KEYS[2], id)
local score = redis.call('ZSCORE', KEYS[1], id)
if not score and not before then return false end
if before and ARGV[3] == 'answered' then return before end
if score then
  redis.call('ZREM', KEYS[1], id)
  redis.call('HINCRBY', KEYS[4], ARGV[4], -1)
  redis.call('HDEL', KEYS[5], ARGV[5])
  redis.call('DEL', KEYS[9])
end
redis.call('HINCRBY', KEYS[6], 'rev', 1)
local votes = score and math.ceil(tonumber(score) / 4294967296) or 0
local after = string.format('%.0f ', votes) .. ARGV[2]
if ARGV[3] == 'hidden' then
  if before then redis.call('HINCRBY', KEYS[6], 'answered', -1) end
  redis.call('LREM', KEYS[3], 1, id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[8], id)
  return after
end
redis.call('HINCRBY', KEYS[6], 'answered', 1)
redis.call('HSET', KEYS[2], id, after)
redis.call('LPUSH', KEYS[3], id)
redis.call('LPUSH', KEYS[7], ARGV[6])
redis.call('LTRIM', KEYS[7], 0, kept - 1)
for _, old in ipairs(redis.call('LRANGE', KEYS[3], kept, -1)) do
  redis.call('HDEL', KEYS[2], old)
  redis.call('HDEL', KEYS[8], old)
end
redis.call('LTRIM', KEYS[3], 0, kept - 1)
return after
