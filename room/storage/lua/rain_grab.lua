-- Hand out the next packets of a rain, in the order of asking. Who asks again gets what they got.
-- KEYS 1 handout (hash)  2 packets (list)  3 claims (list)  4 marks (hash)
-- ARGV triples of user, name, key (empty: the person's first)
-- Returns for each a claim as JSON, or why not: not_started closed none_left limit_reached void
--         missing
local handout = redis.call('HMGET', KEYS[1], 'state', 'open_ms', 'close_ms', 'per_user', 'count')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local per_user, count = tonumber(handout[4]), tonumber(handout[5])

local function refusal(taken)
  if now < tonumber(handout[2]) then
    return 'not_started'
  elseif now >= tonumber(handout[3]) then
    return 'closed'
  elseif taken >= per_user then
    return 'limit_reached'
  elseif redis.call('LLEN', KEYS[2]) == 0 then
    return 'none_left'
  elseif handout[1] ~= 'open' then
    return 'closed'
  end
end

local function grab(user, name, key)
  if handout[1] == 'void' then
    return 'void'
  end
  if per_user == 1 then
    key = ''
  end
  local mark = redis.call('HGET', KEYS[4], user .. '/' .. key)
  if mark then
    return redis.call('LINDEX', KEYS[3], mark)
  end
  local taken = tonumber(redis.call('HGET', KEYS[4], user) or '0')
  local no = refusal(taken)
  if no then
    return no
  end
  local amount = redis.call('LPOP', KEYS[2])
  local claim = cjson.encode({ index = count, user_id = user, name = name,
    key = key, amount_cents = tonumber(amount), ts = now })
  redis.call('RPUSH', KEYS[3], claim)
  redis.call('HSET', KEYS[4], user, taken + 1, user .. '/' .. key, count)
  if taken == 0 then
    redis.call('HSET', KEYS[4], user .. '/', count)
  end
  count = count + 1
  return claim
end

local answers = {}
for at = 1, #ARGV, 3 do
  answers[#answers + 1] = handout[1] and grab(ARGV[at], ARGV[at + 1], ARGV[at + 2]) or 'missing'
end
if handout[1] then
  redis.call('HSET', KEYS[1], 'count', string.format('%.0f', count))
end
return answers
