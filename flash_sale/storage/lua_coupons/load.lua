-- load.lua: lays a coupon down, or puts back what Redis lost of it; a repeat changes nothing.
-- KEYS 1 coupon HASH {quota per_user closes_ms taken} 2 claims HASH 3 log STREAM, see keys.py.
-- ARGV 1: msgpack {quota, per_user, closes_ms, {{user_id, key, number, claimed_ms}, ...}}
-- Returns how many are taken then.
local call = redis.call
local quota, per_user, closes_ms, claims = unpack(cmsgpack.unpack(ARGV[1]))
local function whole(number) return string.format('%d', number) end
call('HSET', KEYS[1], 'quota', whole(quota), 'per_user', whole(per_user), 'closes_ms', whole(closes_ms))
call('HSETNX', KEYS[1], 'taken', 0)
for _, claim in ipairs(claims) do
  local user, key, number, at = unpack(claim)
  if call('HSETNX', KEYS[2], '@' .. user .. ':' .. whole(number), whole(at) .. ' ' .. key) == 1 then
    call('HSETNX', KEYS[2], user .. ':' .. key, whole(number) .. ' ' .. whole(at))
    local count = tonumber(call('HGET', KEYS[2], '#' .. user)) or 0
    if number > count then call('HSET', KEYS[2], '#' .. user, whole(number)) end
    call('HINCRBY', KEYS[1], 'taken', 1)
  end
end
return tonumber(call('HGET', KEYS[1], 'taken'))
