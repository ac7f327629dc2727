-- Put a question on the board, with its author's own vote; the same words again find the first.
-- KEYS 1 questions (hash: id → JSON)  2 open (sorted set: id by votes × 2^32 − place)
--      3 authors (hash: user → open questions)  4 said (hash: digest → id)  5 meta (hash: seq, rev)
--      6 voters of this question (set)
-- ARGV 1 id  2 JSON  3 user  4 digest  5 open questions at most  6 of one person at most
-- Returns {"added" | "again", id} | {"full", ""} | {"limit", ""}
local known = redis.call('HGET', KEYS[4], ARGV[4])
if known then return { 'again', known } end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return { 'full', '' } end
local own = tonumber(redis.call('HGET', KEYS[3], ARGV[3]) or '0')
if own >= tonumber(ARGV[6]) then return { 'limit', '' } end
local place = redis.call('HINCRBY', KEYS[5], 'seq', 1)
redis.call('HINCRBY', KEYS[5], 'rev', 1)
redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
redis.call('HSET', KEYS[4], ARGV[4], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SADD', KEYS[6], ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', 4294967296 - place), ARGV[1])
return { 'added', ARGV[1] }
