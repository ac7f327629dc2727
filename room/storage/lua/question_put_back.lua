-- Put back a question that was lost, or votes of one that is open; what is there already stays.
-- KEYS 1 questions (hash: id → JSON)  2 open (sorted set: id by votes × 2^32 − place)
--      3 authors (hash: user → open questions)  4 said (hash: digest → id)  5 meta (hash: seq, rev)
--      6 ends (hash: id → votes and JSON)  7 answered (list of ids, newest first)
--      8 replies (list of ms, newest first)  9 voters of this question (set)
-- ARGV 1 id  2 JSON  3 user  4 digest  5 votes and end as JSON, empty of an open one
--      6 reply time in ms  7… voters of an open one
-- Returns 1 when the question was missing, else 0. Answered ones must come newest first.
local id, ended = ARGV[1], ARGV[5]
if ended ~= '' then
  if redis.call('ZSCORE', KEYS[2], id) then return 0 end
  if redis.call('HSETNX', KEYS[6], id, ended) == 0 then return 0 end
  redis.call('HSET', KEYS[1], id, ARGV[2])
  redis.call('RPUSH', KEYS[7], id)
  redis.call('RPUSH', KEYS[8], ARGV[6])
  return 1
end
if redis.call('HEXISTS', KEYS[6], id) == 1 then return 0 end
local missing = redis.call('HSETNX', KEYS[1], id, ARGV[2])
if missing == 1 then
  local place = redis.call('HINCRBY', KEYS[5], 'seq', 1)
  redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
  redis.call('HSET', KEYS[4], ARGV[4], id)
  redis.call('ZADD', KEYS[2], string.format('%.0f', -place), id)
end
local votes = 0
for i = 7, #ARGV do votes = votes + redis.call('SADD', KEYS[9], ARGV[i]) end
redis.call('ZINCRBY', KEYS[2], string.format('%.0f', votes * 4294967296), id)
return missing
