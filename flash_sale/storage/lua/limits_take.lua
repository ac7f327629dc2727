-- limits_take.lua: counts acts against limits over a sliding window, many acts in one call.
-- The last two KEYS are 1 this window's counts 2 the window's before.
-- ARGV 1: msgpack {thousandths of the window gone by, window_ms, {{{field, most}, ...}, ...}}
-- Returns per act 0 when all its limits hold (it is counted), else the number of the first that
--   does not (it is counted nowhere, so that waiting helps).
local NOW, BEFORE = KEYS[#KEYS - 1], KEYS[#KEYS]
local ask = cmsgpack.unpack(ARGV[1])
local before_share, window_ms = (1000 - ask[1]) / 1000, ask[2]
local answers = {}
for i, act in ipairs(ask[3]) do
  answers[i] = 0
  for n, limit in ipairs(act) do
    local now = tonumber(call('HGET', NOW, limit[1])) or 0
    local before = tonumber(call('HGET', BEFORE, limit[1])) or 0
    if answers[i] == 0 and now + before * before_share + 1 > limit[2] then answers[i] = n end
  end
  if answers[i] == 0 then
    for _, limit in ipairs(act) do call('HINCRBY', NOW, limit[1], 1) end
  end
end
call('PEXPIRE', NOW, 2 * window_ms)
return answers
