-- One worker tells its share of a room and learns the whole.
-- A pulse is kept as "<at_ms> <online> <counters as JSON>". Counters are absolute since the worker
-- began, so a repeated pulse changes nothing. A worker silent for long is set aside but counted on;
-- should it speak again its new pulse takes the old one's place. Only when too many are set aside
-- is the one silent longest added to the totals for good.
-- KEYS 1 room (hash)  2 workers (hash)  3 retired (hash)  4 totals (hash)
--      5 present without a socket (sorted set, by the time until which they are)
-- ARGV 1 worker  2 online  3 counters, JSON object of integers  4 now in ms, 0 for the server's clock
--      5 ms a pulse counts as online  6 ms of silence until set aside  7 workers set aside, at most
-- Returns false when the room is missing, else {epoch, seq, online, peak, name, total, name, total…}
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'peak')
if not place[1] then return false end
local now, time = tonumber(ARGV[4]), redis.call('TIME')
if now == 0 then now = time[1] * 1000 + math.floor(time[2] / 1000) end

local totals = {}
local function add(counters)
  for name, count in pairs(counters) do
    totals[name] = (totals[name] or 0) + tonumber(count)
  end
end
local function parse(pulse)
  local at, online, counters = string.match(pulse, '^(%d+) (%d+) (.*)$')
  return tonumber(at), tonumber(online), cjson.decode(counters)
end

redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %s %s', now, ARGV[2], ARGV[3]))
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
local online = redis.call('ZCARD', KEYS[5])
local pulses = redis.call('HGETALL', KEYS[2])
for i = 1, #pulses, 2 do
  local at, here, counters = parse(pulses[i + 1])
  if now - at > tonumber(ARGV[6]) then
    redis.call('HDEL', KEYS[2], pulses[i])
    redis.call('HSET', KEYS[3], pulses[i], pulses[i + 1])
  else
    if now - at <= tonumber(ARGV[5]) then online = online + here end
    add(counters)
  end
end

local aside = redis.call('HGETALL', KEYS[3])
local oldest, oldest_at, oldest_counters
for i = 1, #aside, 2 do
  local at, _, counters = parse(aside[i + 1])
  add(counters)
  if not oldest_at or at < oldest_at then
    oldest, oldest_at, oldest_counters = aside[i], at, counters
  end
end
local base = redis.call('HGETALL', KEYS[4])
for i = 1, #base, 2 do add({ [base[i]] = base[i + 1] }) end
if #aside / 2 > tonumber(ARGV[7]) then
  for name, count in pairs(oldest_counters) do
    redis.call('HINCRBY', KEYS[4], name, string.format('%.0f', count))
  end
  redis.call('HDEL', KEYS[3], oldest)
end

local peak = math.max(tonumber(place[3] or '0'), online)
redis.call('HSET', KEYS[1], 'peak', string.format('%.0f', peak))
local reply = { place[1], place[2], online, peak }
for name, total in pairs(totals) do
  reply[#reply + 1] = name
  reply[#reply + 1] = string.format('%.0f', total)
end
return reply
