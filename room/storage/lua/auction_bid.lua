-- Take a bid if it is the highest, by the server's clock. A late one puts the end off; one at the
-- maximum ends it. What one person sends again under the same key is decided once.
-- KEYS 1 auction (hash)  2 bids (list, each "v amount ms user name", strictly rising)  3 keys (hash)
-- ARGV 1 user  2 name  3 amount in cents  4 key, empty for none  5 seconds to keep
-- Returns {outcome} when missing, else {outcome, state, v, amount, user, name, bids, close_ms, least}
--      outcome "taken" | "again" | "key_reused" | "closed" | "leading" | "over" | "outbid"
local found = redis.call('HMGET', KEYS[1], 'state', 'start', 'step', 'max', 'extend_ms', 'close_ms',
  'latest_ms', 'amount', 'user', 'name', 'v', 'bids')
if not found[1] then return { 'missing' } end
local state, user, name = found[1], found[9] or '', found[10] or ''
local start, step, max = tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
local extend, closes, latest = tonumber(found[5]), tonumber(found[6]), tonumber(found[7])
local lead, v, bids = tonumber(found[8] or '0'), tonumber(found[11]), tonumber(found[12])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local amount = tonumber(ARGV[3])

local function least()
  local wanted = bids == 0 and start or lead + step
  return max > 0 and math.min(wanted, max) or wanted
end

local function outcome()
  local known = ARGV[4] ~= '' and redis.call('HGET', KEYS[3], ARGV[1] .. '/' .. ARGV[4])
  if known then return known == ARGV[3] and 'again' or 'key_reused' end
  if state ~= 'open' or now >= closes then return 'closed' end
  if user == ARGV[1] then return 'leading' end
  if max > 0 and amount > max then return 'over' end
  if amount < least() then return 'outbid' end
  return 'taken'
end

local decided = outcome()
if decided == 'taken' then
  lead, user, name, v, bids = amount, ARGV[1], ARGV[2], v + 1, bids + 1
  if max > 0 and amount == max then
    state = 'ended'
  elseif closes - now < extend then
    closes = math.max(closes, math.min(now + extend, latest))
  end
  redis.call('HSET', KEYS[1], 'state', state, 'amount', ARGV[3], 'user', user, 'name', name,
    'v', v, 'bids', bids, 'close_ms', string.format('%.0f', closes))
  redis.call('RPUSH', KEYS[2], string.format('%.0f %s %.0f %s %s', v, ARGV[3], now, user, name))
  redis.call('EXPIRE', KEYS[2], ARGV[5])
  if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[3], ARGV[1] .. '/' .. ARGV[4], ARGV[3])
    redis.call('EXPIRE', KEYS[3], ARGV[5])
  end
end
local function text(number) return string.format('%.0f', number) end
return { decided, state, text(v), text(lead), user, name, text(bids), text(closes), text(least()) }
