-- reserve.lua: decides a batch of buys of one sale in the order given, each all or nothing.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), {{user_id, key, fingerprint (24 bytes), reservation
--         suffix, {{sku_id, qty pieces}, ...}, channel, eligible 0 | 1, cents off, discounts JSON list | '',
--         may be given its hold again 0 | 1}, ...}}
-- Returns msgpack {'ok', {answer JSON or refusal code per buy}, {sku_id: {left, version}} changed in `live`}
--         or {'missing'} / {'fenced'}, nothing decided.
-- A buy's checks in order: its key is known, arguments, window, eligible, limit per person, stock. At
-- the limit, who still holds just these lines gets that hold again, and the new key belongs to it too.
local FIELDS_MAX = 4000

local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not }) end
local batch = cmsgpack.unpack(ARGV[1])
local now, buys = clock(batch[1]), batch[2]
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms', 'hold_ms', 'pay_ms', 'currency', 'journal_seq', 'paused')
local hold_ms, pay_ms, currency, seq = tonumber(sale[4]), tonumber(sale[5]), sale[6], tonumber(sale[7])

local window = nil
if sale[1] == 'stopped' then window = 'ended'
elseif sale[1] ~= 'scheduled' or now < tonumber(sale[2]) then window = 'not_started'
elseif now >= tonumber(sale[3]) then window = 'ended'
elseif sale[8] == '1' then window = 'paused' end

local expires, pay_by, at = now + hold_ms, now + pay_ms, whole(now)
-- The answer but for id, id, amount and stock left; equal for the whole batch.
local form = '{"status":"held","reservation_id":"r%s","order_id":"o%s","amount_cents":%d,"currency":"' .. currency ..
  '","expires_ms":' .. whole(expires) .. ',"pay_by_ms":' .. whole(pay_by) .. ',"left":{%s}%s}'
local due = whole(expires)
local entries, w_counts, w_holds, w_records, w_answers, touched, standing = {}, {}, {}, {}, {}, {}, {}
local function put(list, field, value) list[#list + 1], list[#list + 2] = field, value end
local function enter(...)
  seq = seq + 1
  entries[#entries + 1] = { whole(seq) .. '-0', 't', at, ... }
end

-- The answer of the person's latest hold of these lines, while it is held.
local function standing_answer(user, fingerprint)
  local field = user .. '=' .. fingerprint
  if standing[field] then return standing[field][1], standing[field][2] end
  local id = call('HGET', KEYS[3], field)
  local packed = id and call('HGET', KEYS[6], id)
  local record = packed and cmsgpack.unpack(packed)
  if not record or record[1] ~= 'held' then return nil end
  return call('HGET', KEYS[3], user .. ':' .. record[3]), id
end

local function hold(user, key, fingerprint, id, skus, need, channel, off, discounts, may_again)
  local amount, lines, left, limited = 0, {}, {}, false
  for i, sku in ipairs(skus) do
    local row, cell = stock_of(sku, channel)
    local qty, field = need[sku], user .. ':' .. sku
    row[1], row[2], row[3] = row[1] - qty, row[2] + 1, row[3] + qty
    counts[field] = count_of(field) + qty
    put(w_counts, field, whole(counts[field]))
    amount, touched[cell], limited = amount + qty * row[4], true, limited or row[5] > 0
    lines[i], left[i] = { sku, qty, row[4] }, '"' .. sku .. '":' .. whole(row[1])
  end
  amount = amount - off
  local record = cmsgpack.pack({ 'held', user, key, amount, now, pay_by, expires, lines, '', seq + 1, channel })
  local answer = string.format(form, id, id, amount, table.concat(left, ','),
    discounts ~= '' and ',"discounts":' .. discounts or '')
  enter('k', 'held', 'r', id, 'd', record, 'f', fingerprint, 'a', answer)
  put(w_holds, due, id)
  put(w_records, id, record)
  put(w_answers, user .. ':' .. key, fingerprint .. answer)
  if limited and may_again == 1 then
    put(w_answers, user .. '=' .. fingerprint, id)
    standing[user .. '=' .. fingerprint] = { fingerprint .. answer, id }
  end
  return answer
end

local fields, answers, fresh = {}, {}, {}
for i, buy in ipairs(buys) do fields[i] = buy[1] .. ':' .. buy[2] end
local stored = call('HMGET', KEYS[3], unpack(fields))
for i, buy in ipairs(buys) do
  local user, key, fingerprint, id, lines, channel, eligible, off, discounts, may_again = unpack(buy)
  local known = fresh[fields[i]] or stored[i]
  if known then
    answers[i] = known:sub(1, 24) == fingerprint and known:sub(25) or 'key_reused'
  else
    local skus, need = wanted(lines, channel)
    answers[i] = not skus and need or refusal(window, user, skus, need, channel, eligible)
    if not answers[i] then
      answers[i] = hold(user, key, fingerprint, id, skus, need, channel, off, discounts, may_again)
      fresh[fields[i]] = fingerprint .. answers[i]
    elseif answers[i] == 'limit_reached' and may_again == 1 then
      local again, its = standing_answer(user, fingerprint)
      if again then
        answers[i], fresh[fields[i]] = again:sub(25), again
        enter('k', 'again', 'r', its, 'u', user, 'key', key)
        put(w_answers, fields[i], again)
      end
    end
  end
end
if #entries == 0 then return cmsgpack.pack({ 'ok', answers, {} }) end

local function write(command, key, list)
  for first = 1, #list, FIELDS_MAX do call(command, key, unpack(list, first, math.min(first + FIELDS_MAX - 1, #list))) end
end
local w_stock, levels = {}, {}
for cell in pairs(touched) do
  local row = stock[cell]
  put(w_stock, 'a:' .. cell, whole(row[1]))
  put(w_stock, 'v:' .. cell, whole(row[2]))
  put(w_stock, 'h:' .. cell, whole(row[3]))
  if row[6] then levels[row[6]] = { row[1], row[2] } end
end
for _, entry in ipairs(entries) do call('XADD', KEYS[7], unpack(entry)) end
call('HSET', KEYS[1], 'journal_seq', whole(seq))
write('HSET', KEYS[2], w_stock)
write('HSET', KEYS[4], w_counts)
write('ZADD', KEYS[5], w_holds)
write('HSET', KEYS[6], w_records)
write('HSET', KEYS[3], w_answers)
return cmsgpack.pack({ 'ok', answers, levels })
