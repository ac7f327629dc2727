-- End an auction and fix its winner for good: the highest bidder who may still take it.
-- KEYS 1 auction (hash)  2 bids (list, each "v amount ms user name")
-- ARGV 1 "due" (only when its time is over) | "sell" (now) | "void" (nobody wins)  2.. banned users
-- Returns {"missing"} | {"open", close_ms} | {"closed", reason, user, name, amount, bids}
local found = redis.call('HMGET', KEYS[1], 'state', 'close_ms', 'reason', 'bids')
if not found[1] then return { 'missing' } end
if not found[3] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if found[1] == 'open' and ARGV[1] == 'due' and now < tonumber(found[2]) then
    return { 'open', found[2] }
  end
  local banned = {}
  for at = 2, #ARGV do banned[ARGV[at]] = true end
  local reason, amount, user, name = 'no_bids', '0', '', ''
  if ARGV[1] == 'void' then
    reason = 'void'
  else
    local bids = redis.call('LRANGE', KEYS[2], 0, -1)
    for at = #bids, 1, -1 do
      local sum, who, called = string.match(bids[at], '^%d+ (%d+) %d+ (%S+) (.*)$')
      if not banned[who] then
        reason, amount, user, name = 'sold', sum, who, called
        break
      end
    end
  end
  redis.call('HSET', KEYS[1], 'state', 'closed', 'reason', reason, 'winner', user,
    'winner_name', name, 'winner_amount', amount)
end
local result = redis.call('HMGET', KEYS[1], 'reason', 'winner', 'winner_name', 'winner_amount', 'bids')
return { 'closed', unpack(result) }
