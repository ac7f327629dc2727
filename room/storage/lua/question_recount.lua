-- After a loss: how many were answered, and a revision beyond any that was shown before it.
-- Revisions count changes from 1, so the time in ms is beyond them; after it they count on.
-- KEYS 1 meta (hash: rev, answered)
-- ARGV 1 answered in all
-- Returns the revision
local time = redis.call('TIME')
local rev = math.max(time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HINCRBY', KEYS[1], 'rev', 1))
local answered = math.max(tonumber(ARGV[1]), tonumber(redis.call('HGET', KEYS[1], 'answered') or '0'))
redis.call('HSET', KEYS[1], 'rev', string.format('%.0f', rev), 'answered', string.format('%.0f', answered))
return rev
