-- May this person speak now? One turn in gap ms, at most `burst` of them saved up (GCRA).
-- KEYS 1 turn (string)
-- ARGV 1 gap in ms  2 burst  3 now in ms, 0 for the server's clock
-- Returns 0 and takes the turn, or the wait in ms and takes nothing
local gap, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- Never further ahead than this pace itself can get: a slower one may have been lifted meanwhile.
local used_up = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
used_up = math.min(used_up, now + gap * burst)
local wait = used_up - now - gap * (burst - 1)
if wait > 0 then
  return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', used_up + gap), 'PX', used_up + gap - now)
return 0
