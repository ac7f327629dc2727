-- regroup.lua: unpaid holds of one person become other holds of the same pieces, all or nothing.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), answers field, fingerprint, answer JSON,
--   {{suffix, journal number it was seen at}, ...} to give up,
--   {{suffix, record, answers field, fingerprint, answer}, ...} to make}
--   The caller has made the new records out of exactly the lines of the old ones.
-- Returns msgpack {outcome, stored answer | ''}; outcome: done, known (this key did it before),
--   key_reused, changed (one is paid, gone, past its pay window, or not as it was seen), missing,
--   fenced. Stock and limits per person do not change: the same pieces stay held.
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, '' }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, field, fingerprint, answer, olds, news = clock(ask[1]), unpack(ask, 2, 6)
local known = call('HGET', KEYS[3], field)
if known then
  if known:sub(1, 24) ~= fingerprint then return cmsgpack.pack({ 'key_reused', '' }) end
  return cmsgpack.pack({ 'known', known:sub(25) })
end
local records = {}
for i, old in ipairs(olds) do
  local packed = call('HGET', KEYS[6], old[1])
  local record = packed and cmsgpack.unpack(packed)
  if not record or record[1] ~= 'held' or record[10] ~= old[2] or now >= record[6] then
    return cmsgpack.pack({ 'changed', '' })
  end
  records[i] = record
end

for i, old in ipairs(olds) do
  records[i][1] = 'cancelled'
  records[i][10] = journal('cancelled', now, 'r', old[1])
  call('HSET', KEYS[6], old[1], cmsgpack.pack(records[i]))
  call('ZREM', KEYS[5], old[1])
end
for _, new in ipairs(news) do
  local record = cmsgpack.unpack(new[2])
  record[10] = tonumber(call('HGET', KEYS[1], 'journal_seq')) + 1
  local packed = cmsgpack.pack(record)
  journal('held', now, 'r', new[1], 'd', packed, 'f', new[4], 'a', new[5])
  call('HSET', KEYS[6], new[1], packed)
  call('ZADD', KEYS[5], whole(record[7]), new[1])
  call('HSET', KEYS[3], new[3], new[4] .. new[5])
end
call('HSET', KEYS[3], field, fingerprint .. answer)
return cmsgpack.pack({ 'done', answer })
