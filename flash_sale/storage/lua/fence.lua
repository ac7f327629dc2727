-- fence.lua: closes a sale to every change ('1') or opens it ('0') while its data is rebuilt.
-- ARGV 1: msgpack {generation (0 = whichever is there), '1' | '0'}
-- Returns 'done', 'missing', or 'newer' when the generation is another one.
local ask = cmsgpack.unpack(ARGV[1])
local stage, generation = unpack(call('HMGET', KEYS[1], 'stage', 'generation'))
if not stage then return 'missing' end
if ask[1] ~= 0 and tonumber(generation) ~= ask[1] then return 'newer' end
call('HSET', KEYS[1], 'fenced', ask[2])
return 'done'
