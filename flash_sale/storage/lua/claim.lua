-- claim.lua: takes the place of a sale that is missing, closed to every change, before it is rebuilt.
-- A sale being created at this moment is not missing then, and its creator finds the place taken.
-- ARGV 1: msgpack {generation, journal number}
-- Returns 'claimed', or 'present' when there is data of the sale after all.
local ask = cmsgpack.unpack(ARGV[1])
if call('EXISTS', KEYS[1]) == 1 then return 'present' end
call('HSET', KEYS[1], 'stage', 'draft', 'fenced', '1', 'generation', whole(ask[1]), 'journal_seq', whole(ask[2]))
return 'claimed'
