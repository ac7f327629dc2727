-- Fix the winners of a frozen lottery, once. The archive has it all, so Redis may forget it later.
-- KEYS 1 lottery (hash)  2 entries (list)  3 receipts (hash)  4 names (hash)
-- ARGV 1 winners, JSON  2 now in ms  3 seconds to keep it all
-- Returns 1, or 0 when it is not frozen (drawn already, still open, or missing)
if redis.call('HGET', KEYS[1], 'state') ~= 'frozen' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', 'drawn', 'winners', ARGV[1], 'drawn_ms', ARGV[2])
for at = 1, #KEYS do
  redis.call('EXPIRE', KEYS[at], ARGV[3])
end
return 1
