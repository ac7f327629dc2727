-- load.lua: puts reservations back into a fenced generation; a repeat changes nothing.
-- ARGV 1: msgpack {generation, {{suffix, record, {answers field, ...}, stored answer}, ...}}
-- Returns 'loaded', or 'newer' when the generation is another one or no longer fenced.
local ask = cmsgpack.unpack(ARGV[1])
local generation, fenced = unpack(call('HMGET', KEYS[1], 'generation', 'fenced'))
if tonumber(generation) ~= ask[1] or fenced ~= '1' then return 'newer' end
for _, item in ipairs(ask[2]) do
  local id, packed = item[1], item[2]
  local record = cmsgpack.unpack(packed)
  if call('HSETNX', KEYS[6], id, packed) == 1 then
    if record[1] == 'held' then call('ZADD', KEYS[5], whole(record[7]), id) end
    if record[1] == 'held' or record[1] == 'paid' then
      local count = {} -- what the person bought less what they gave back
      for _, line in ipairs(record[8]) do count[line[1]] = (count[line[1]] or 0) + line[2] end
      for sku, qty in pairs(count) do
        qty = qty - ((record[12] or {})[sku] or 0)
        if qty > 0 then call('HINCRBY', KEYS[4], record[2] .. ':' .. sku, whole(qty)) end
      end
    end
    for _, field in ipairs(item[3]) do call('HSET', KEYS[3], field, item[4]) end
    if record[1] == 'held' and item[4] ~= '' then call('HSET', KEYS[3], record[2] .. '=' .. item[4]:sub(1, 24), id) end
  end
end
return 'loaded'
