-- claim.lua: gives coupons of one kind to persons, in the order asked, within the quota and the limit
--   per person, once a key.
-- KEYS 1 coupon HASH {quota per_user closes_ms taken} 2 claims HASH 3 log STREAM, see keys.py.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), {{user_id, key}, ...}}
-- Returns msgpack {{outcome, number of this person's claim, claimed_ms, taken}, ...} in that order;
--   outcome: claimed (also for a known key, with what it got then), limit_reached, none_left, closed;
--   or {{'missing'}} when there is no such coupon here.
if redis.replicate_commands then redis.replicate_commands() end
local call = redis.call
local now, asks = unpack(cmsgpack.unpack(ARGV[1]))
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local coupon = call('HMGET', KEYS[1], 'quota', 'per_user', 'closes_ms', 'taken')
for i = 1, 4 do coupon[i] = tonumber(coupon[i]) end
local quota, per_user, closes_ms, taken = unpack(coupon)
if not quota then return cmsgpack.pack({ { 'missing' } }) end
call('XLEN', KEYS[3])
local at = string.format('%d', now)

local function give(user, key)
  local known = call('HGET', KEYS[2], user .. ':' .. key)
  if known then
    local number, then_ms = known:match('^(%d+) (%d+)$')
    return { 'claimed', tonumber(number), tonumber(then_ms), taken }
  end
  local count = tonumber(call('HGET', KEYS[2], '#' .. user)) or 0
  if count >= per_user then return { 'limit_reached', count, 0, taken } end
  if taken >= quota then return { 'none_left', count, 0, taken } end
  if now >= closes_ms then return { 'closed', count, 0, taken } end
  local number = string.format('%d', count + 1)
  call('XADD', KEYS[3], '*', 'u', user, 'k', key, 'n', number, 't', at)
  call('HSET', KEYS[2], '#' .. user, number, user .. ':' .. key, number .. ' ' .. at,
    '@' .. user .. ':' .. number, at .. ' ' .. key)
  taken = call('HINCRBY', KEYS[1], 'taken', 1)
  return { 'claimed', count + 1, now, taken }
end

local answers = {}
for i, ask in ipairs(asks) do answers[i] = give(ask[1], ask[2]) end
return cmsgpack.pack(answers)
