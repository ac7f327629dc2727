-- Keep a new rain or gift, unless there is one of this id.
-- KEYS 1 handout (hash)  2 packets (list)
-- ARGV 1 amounts of a rain as a JSON list, empty for a gift  2.. pairs of field, value
-- Returns 1, or 0 when it exists
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
if ARGV[1] ~= '' then
  for _, amount in ipairs(cjson.decode(ARGV[1])) do
    redis.call('RPUSH', KEYS[2], string.format('%.0f', amount))
  end
end
return 1
