-- waitlist_leave.lua: one person no longer waits for a SKU.
-- ARGV 1: msgpack {user_id, sku_id}
-- Returns 1, or 0 when that person was not waiting (any more).
local ask = cmsgpack.unpack(ARGV[1])
local user, sku = ask[1], ask[2]
local known = call('HGET', WAITERS, sku .. ':' .. user)
if not known then return 0 end
no_longer_waits(sku .. ':' .. cmsgpack.unpack(known)[5] .. ':' .. user, sku, user)
return 1
