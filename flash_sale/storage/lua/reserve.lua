-- reserve.lua: decides a batch of buys of one sale in the order given, each all or nothing.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), {{user_id, key, fingerprint (24 bytes), reservation
--         suffix, {{sku_id, qty pieces}, ...}, cents off, discounts JSON list | ''}, ...}}
-- Returns msgpack {'ok', {answer JSON or refusal code per buy}, {sku_id: {left, version}} changed}
--         or {'missing'} / {'fenced'}, nothing decided.
-- A buy's checks in order: its key is known, arguments, window, limit per person, stock.
local QTY_MAX, LINES_MAX, FIELDS_MAX = 999, 20, 4000

local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not }) end
local batch = cmsgpack.unpack(ARGV[1])
local now, buys = clock(batch[1]), batch[2]
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms', 'hold_ms', 'pay_ms', 'currency', 'journal_seq')
local hold_ms, pay_ms, currency, seq = tonumber(sale[4]), tonumber(sale[5]), sale[6], tonumber(sale[7])

local window = nil
if sale[1] == 'stopped' then window = 'ended'
elseif sale[1] ~= 'scheduled' or now < tonumber(sale[2]) then window = 'not_started'
elseif now >= tonumber(sale[3]) then window = 'ended' end

local stock = {}  -- sku → {available, version, held, price, limit}, false when unknown
local function stock_of(sku)
  if stock[sku] == nil then
    local row = call('HMGET', KEYS[2], 'a:' .. sku, 'v:' .. sku, 'h:' .. sku, 'p:' .. sku, 'l:' .. sku)
    for i = 1, 5 do row[i] = tonumber(row[i]) end
    stock[sku] = row[1] and row or false
  end
  return stock[sku]
end

local counts = {}  -- 'user:sku' → pieces held and paid
local function count_of(field)
  if not counts[field] then counts[field] = tonumber(call('HGET', KEYS[4], field)) or 0 end
  return counts[field]
end

-- SKUs in order of first mention and the pieces wanted of each, or nil and the refusal.
local function wanted(lines)
  if type(lines) ~= 'table' or #lines < 1 or #lines > LINES_MAX then return nil, 'bad_request' end
  local skus, need = {}, {}
  for _, line in ipairs(lines) do
    local sku, qty = line[1], line[2]
    if type(qty) ~= 'number' or qty ~= math.floor(qty) or qty < 1 or qty > QTY_MAX then return nil, 'bad_request' end
    if not stock_of(sku) then return nil, 'not_found' end
    if not need[sku] then skus[#skus + 1] = sku end
    need[sku] = (need[sku] or 0) + qty
  end
  return skus, need
end

local function refusal(user, skus, need)
  if window then return window end
  for _, sku in ipairs(skus) do
    local limit = stock_of(sku)[5]
    if limit > 0 and count_of(user .. ':' .. sku) + need[sku] > limit then return 'limit_reached' end
  end
  for _, sku in ipairs(skus) do
    if need[sku] > stock_of(sku)[1] then return 'sold_out' end
  end
  return nil
end

local expires, pay_by, at = now + hold_ms, now + pay_ms, whole(now)
-- The answer but for id, id, amount and stock left; equal for the whole batch.
local form = '{"status":"held","reservation_id":"r%s","order_id":"o%s","amount_cents":%d,"currency":"' .. currency ..
  '","expires_ms":' .. whole(expires) .. ',"pay_by_ms":' .. whole(pay_by) .. ',"left":{%s}%s}'
local due = whole(expires)
local entries, w_counts, w_holds, w_records, w_answers, touched = {}, {}, {}, {}, {}, {}
local function hold(user, key, fingerprint, id, skus, need, off, discounts)
  local amount, lines, left = 0, {}, {}
  for i, sku in ipairs(skus) do
    local row, qty, field = stock_of(sku), need[sku], user .. ':' .. sku
    row[1], row[2], row[3] = row[1] - qty, row[2] + 1, row[3] + qty
    counts[field] = count_of(field) + qty
    w_counts[#w_counts + 1], w_counts[#w_counts + 2] = field, whole(counts[field])
    amount, touched[sku] = amount + qty * row[4], true
    lines[i], left[i] = { sku, qty, row[4] }, '"' .. sku .. '":' .. whole(row[1])
  end
  amount, seq = amount - off, seq + 1
  local record = cmsgpack.pack({ 'held', user, key, amount, now, pay_by, expires, lines, '', seq })
  local answer = string.format(form, id, id, amount, table.concat(left, ','),
    discounts ~= '' and ',"discounts":' .. discounts or '')
  entries[#entries + 1] = { whole(seq) .. '-0', 'k', 'held', 't', at, 'r', id, 'd', record, 'f', fingerprint, 'a', answer }
  w_holds[#w_holds + 1], w_holds[#w_holds + 2] = due, id
  w_records[#w_records + 1], w_records[#w_records + 2] = id, record
  w_answers[#w_answers + 1], w_answers[#w_answers + 2] = user .. ':' .. key, fingerprint .. answer
  return answer
end

local fields, answers, fresh = {}, {}, {}
for i, buy in ipairs(buys) do fields[i] = buy[1] .. ':' .. buy[2] end
local stored = call('HMGET', KEYS[3], unpack(fields))
for i, buy in ipairs(buys) do
  local user, key, fingerprint, id, lines, off, discounts = unpack(buy)
  local known = fresh[fields[i]] or stored[i]
  if known then
    answers[i] = known:sub(1, 24) == fingerprint and known:sub(25) or 'key_reused'
  else
    local skus, need = wanted(lines)
    answers[i] = not skus and need or refusal(user, skus, need)
    if not answers[i] then
      answers[i] = hold(user, key, fingerprint, id, skus, need, off, discounts)
      fresh[fields[i]] = fingerprint .. answers[i]
    end
  end
end
if #entries == 0 then return cmsgpack.pack({ 'ok', answers, {} }) end

local function write(command, key, list)
  for first = 1, #list, FIELDS_MAX do call(command, key, unpack(list, first, math.min(first + FIELDS_MAX - 1, #list))) end
end
local w_stock, levels = {}, {}
for sku in pairs(touched) do
  local row, at = stock[sku], #w_stock
  w_stock[at + 1], w_stock[at + 2] = 'a:' .. sku, whole(row[1])
  w_stock[at + 3], w_stock[at + 4] = 'v:' .. sku, whole(row[2])
  w_stock[at + 5], w_stock[at + 6] = 'h:' .. sku, whole(row[3])
  levels[sku] = { row[1], row[2] }
end
for _, entry in ipairs(entries) do call('XADD', KEYS[7], unpack(entry)) end
call('HSET', KEYS[1], 'journal_seq', whole(seq))
write('HSET', KEYS[2], w_stock)
write('HSET', KEYS[4], w_counts)
write('ZADD', KEYS[5], w_holds)
write('HSET', KEYS[6], w_records)
write('HSET', KEYS[3], w_answers)
return cmsgpack.pack({ 'ok', answers, levels })
