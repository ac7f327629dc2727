-- Close a rain or gift whose time is over or of which nothing is left; with a state, at once.
-- KEYS 1 handout (hash)  2 packets (list)  3 claims (list)  4 marks (hash)
-- ARGV 1 state to close it with, or empty  2 seconds to keep it all after that
-- Returns {state, count}, or false when there is none; what is closed stays as it was closed,
--         except that an end may turn out void
local handout = redis.call('HMGET', KEYS[1], 'state', 'count', 'quota', 'close_ms')
if not handout[1] then
  return false
end
local state = handout[1]
if state == 'open' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local close = tonumber(handout[4])
  if ARGV[1] ~= '' then
    state = ARGV[1]
  elseif (close > 0 and now >= close) or tonumber(handout[2]) >= tonumber(handout[3]) then
    state = 'ended'
  end
elseif ARGV[1] == 'void' then
  state = 'void'
end
if state ~= handout[1] then
  redis.call('HSET', KEYS[1], 'state', state)
  for at = 1, #KEYS do
    redis.call('EXPIRE', KEYS[at], ARGV[2])
  end
end
return { state, handout[2] }
