-- Count arrivals: every one of them by its labels, and every person once.
-- KEYS 1 visited (hash, user → source)  2 watched until (hash)  3 audience (hash of counts)
--      4 arrivals (hash, minute → new people)  5 inviters (sorted set)  6 returned (set of users)
-- ARGV 1 seconds to keep it all  2 ms of absence that make a return  3 counters kept, at most
--      4 label of what is beyond them  5.. sixes of user, at in ms, source, channel, bucket, inviter
-- Returns how many of them were new people
local full = redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[3])

local function known(kind, label)
  if not full or redis.call('HEXISTS', KEYS[3], 'entries:' .. kind .. ':' .. label) == 1 then
    return label
  end
  return ARGV[4]
end
local function count(what, kind, label)
  if label ~= '' then
    redis.call('HINCRBY', KEYS[3], what .. ':' .. kind .. ':' .. known(kind, label), 1)
  end
end
local function count_all(what, at)
  count(what, 'src', ARGV[at + 2])
  count(what, 'channel', ARGV[at + 3])
  count(what, 'bucket', ARGV[at + 4])
end

local new = 0
for at = 5, #ARGV, 6 do
  local user, came, inviter = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 5]
  local left = tonumber(redis.call('HGET', KEYS[2], user) or '0')
  count_all('entries', at)
  if redis.call('HSETNX', KEYS[1], user, known('src', ARGV[at + 2])) == 1 then
    new = new + 1
    count_all('visitors', at)
    redis.call('HINCRBY', KEYS[4], string.format('%.0f', math.floor(came / 60000)), 1)
    if inviter ~= '' and inviter ~= user then redis.call('ZINCRBY', KEYS[5], 1, inviter) end
  elseif left > 0 and came - left >= tonumber(ARGV[2]) then
    redis.call('SADD', KEYS[6], user)
  end
end
for key = 1, 6 do
  if key ~= 2 then redis.call('EXPIRE', KEYS[key], ARGV[1]) end
end
return new
