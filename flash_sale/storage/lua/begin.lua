-- begin.lua: lays a generation of a sale down, replacing an older one whole.
-- ARGV 1: msgpack {generation, {field, value, ...} of the sale, {field, value, ...} of the stock}
-- Returns 'begun', or 'newer' when this or a later generation is already there. Whoever lays down a
--   later generation has fenced the earlier one, or claimed the place with claim.lua: else buys of
--   the moment between would be wiped out.
local ask = cmsgpack.unpack(ARGV[1])
local present = tonumber(call('HGET', KEYS[1], 'generation')) or 0
if present >= ask[1] then return 'newer' end
call('DEL', unpack(KEYS))
call('HSET', KEYS[1], 'generation', whole(ask[1]), unpack(ask[2]))
call('HSET', KEYS[2], unpack(ask[3]))
return 'begun'
