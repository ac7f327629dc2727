-- Credit watched time; what overlaps with time credited before counts once. Who has now watched for
-- one of the given spans is counted as having stayed that long, in total and for their source.
-- However many spans there are, Redis is asked for all of them at once: each worker tells of all its
-- viewers every few seconds, and a call for each of them would be most of what Redis does.
-- KEYS 1 watched (hash)  2 watched until (hash)  3 watched total (integer)
--      4 audience (hash of counts)  5 visited (hash, user → source)
-- ARGV 1 seconds to keep it all  2 how many spans n  3..2+n minutes of staying
--      3+n.. triples of user, from in ms, to in ms; no more than fit one call (some 2,000)
-- Returns the ms credited by this call
local spans = tonumber(ARGV[2])
local users, place = {}, {}  -- each user once, and where
for at = 3 + spans, #ARGV, 3 do
  if not place[ARGV[at]] then
    users[#users + 1] = ARGV[at]
    place[ARGV[at]] = #users
  end
end
if #users == 0 then return 0 end

local function numbers(key)
  local found = redis.call('HMGET', key, unpack(users))
  for at = 1, #users do found[at] = tonumber(found[at] or '0') end
  return found
end

local before, total, untils = numbers(KEYS[1]), {}, numbers(KEYS[2])
for at = 1, #users do total[at] = before[at] end
local credited = 0
for at = 3 + spans, #ARGV, 3 do
  local user, to = place[ARGV[at]], tonumber(ARGV[at + 2])
  local from = math.max(tonumber(ARGV[at + 1]), untils[user])
  if to > from then
    total[user], untils[user] = total[user] + to - from, to
    credited = credited + to - from
  end
end
if credited == 0 then return 0 end

local totals_set, untils_set = {}, {}
local stayed, marks = {}, {}  -- who passed a mark, and which ones, at the same place
for at = 1, #users do
  if total[at] > before[at] then
    local n = #totals_set
    totals_set[n + 1], totals_set[n + 2] = users[at], string.format('%.0f', total[at])
    untils_set[n + 1], untils_set[n + 2] = users[at], string.format('%.0f', untils[at])
  end
  for mark = 3, 2 + spans do
    local ms = tonumber(ARGV[mark]) * 60000
    if before[at] < ms and total[at] >= ms then
      stayed[#stayed + 1], marks[#marks + 1] = users[at], 'stayed:' .. ARGV[mark]
    end
  end
end
redis.call('HSET', KEYS[1], unpack(totals_set))
redis.call('HSET', KEYS[2], unpack(untils_set))

if #stayed > 0 then
  local sources, counts = redis.call('HMGET', KEYS[5], unpack(stayed)), {}
  for at, mark in ipairs(marks) do
    counts[mark] = (counts[mark] or 0) + 1
    local of_source = sources[at] and mark .. ':' .. sources[at]
    if of_source then counts[of_source] = (counts[of_source] or 0) + 1 end
  end
  for name, count in pairs(counts) do redis.call('HINCRBY', KEYS[4], name, count) end
end

redis.call('INCRBY', KEYS[3], string.format('%.0f', credited))
for _, key in ipairs({KEYS[1], KEYS[2], KEYS[4]}) do redis.call('EXPIRE', key, ARGV[1]) end
return credited
