-- serving.lua: put in front of the scripts that give pieces back; defines, does nothing.
-- What comes back goes to those who wait for it in the same act, so that nobody can step between.
-- The last three KEYS are 1 waiting 2 waiters 3 offers (see keys.py).
local WAITING, WAITERS, OFFERS = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
local SERVED_MAX = 100 -- people looked at per SKU and call; the duty goes on with the rest

local function no_longer_waits(member, sku, user)
  call('ZREM', WAITING, member)
  call('HDEL', WAITERS, sku .. ':' .. user)
end

-- A hold in the name of somebody who waits, journalled as any bought one.
local function offer(sku, user, waiter, price, now, sale)
  local qty, id, key, fingerprint = unpack(waiter)
  local amount, expires, pay_by = qty * price, now + tonumber(sale[4]), now + tonumber(sale[5])
  local seq = (tonumber(call('HGET', KEYS[1], 'journal_seq')) or 0) + 1
  local record = cmsgpack.pack({ 'held', user, key, amount, now, pay_by, expires, { { sku, qty, price } }, '', seq, 'live' })
  local answer = string.format(
    '{"status":"held","reservation_id":"r%s","order_id":"o%s","amount_cents":%d,"currency":"%s","expires_ms":%d,' ..
    '"pay_by_ms":%d,"left":{"%s":%d}}', id, id, amount, sale[6], expires, pay_by, sku, level(sku)[1] - qty)
  journal('held', now, 'r', id, 'd', record, 'f', fingerprint, 'a', answer)
  add('a', sku, -qty)
  add('h', sku, qty)
  add('v', sku, 1)
  call('HINCRBY', KEYS[4], user .. ':' .. sku, whole(qty))
  call('ZADD', KEYS[5], whole(expires), id)
  call('HSET', KEYS[6], id, record)
  call('HSET', KEYS[3], user .. ':' .. key, fingerprint .. answer, user .. '=' .. fingerprint, id)
  call('HSET', OFFERS, id, cmsgpack.pack({ 'offered', user, sku, qty }))
end

-- Offers what is available of the SKUs in `levels` first come first served, and sets their levels.
-- Who may not have it any more (the limit per person) leaves the list; who wants more than there
-- is keeps the place, and the pieces go to the next. A hold is offered once: a sale that was rebuilt
-- may have it already, and the list, which stands beside it, not know that.
local function serve_waiting(levels, now)
  if call('ZCARD', WAITING) == 0 then return end
  local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms', 'hold_ms', 'pay_ms', 'currency', 'paused')
  if sale[7] == '1' or sale[1] ~= 'scheduled' or now < tonumber(sale[2]) or now >= tonumber(sale[3]) then return end
  call('HLEN', OFFERS)
  for sku in pairs(levels) do
    local terms = call('HMGET', KEYS[2], 'p:' .. sku, 'l:' .. sku)
    local price, limit = tonumber(terms[1]), tonumber(terms[2])
    for _, member in ipairs(call('ZRANGEBYLEX', WAITING, '[' .. sku .. ':', '(' .. sku .. ';', 'LIMIT', 0, SERVED_MAX)) do
      local left = level(sku)[1]
      if left < 1 then break end
      local user = member:match('^[^:]+:%d+:(.+)$')
      local waiter = cmsgpack.unpack(call('HGET', WAITERS, sku .. ':' .. user))
      local count = tonumber(call('HGET', KEYS[4], user .. ':' .. sku)) or 0
      if call('HEXISTS', KEYS[6], waiter[2]) == 1 then -- the list lost the end of its log, SQL did not
        no_longer_waits(member, sku, user)
        call('HSET', OFFERS, waiter[2], cmsgpack.pack({ 'offered', user, sku, waiter[1] }))
      elseif limit > 0 and count + waiter[1] > limit then
        no_longer_waits(member, sku, user)
        call('HSET', OFFERS, waiter[2], cmsgpack.pack({ 'limit_reached', user, sku, waiter[1] }))
      elseif waiter[1] <= left then
        no_longer_waits(member, sku, user)
        offer(sku, user, waiter, price, now, sale)
      end
    end
    levels[sku] = level(sku)
  end
end
