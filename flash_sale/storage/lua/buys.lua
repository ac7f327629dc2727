-- buys.lua: put before reserve.lua; what a buy asks for and why it may not have it. Defines, writes nothing.
local QTY_MAX, LINES_MAX = 999, 20

local stock = {}  -- cell → {available, version, held, price, limit, live SKU}, false when unknown
local function stock_of(sku, channel)
  local cell = cell_of(sku, channel)
  if stock[cell] == nil then
    local row = call('HMGET', KEYS[2], 'a:' .. cell, 'v:' .. cell, 'h:' .. cell, 'p:' .. sku, 'l:' .. sku)
    for i = 1, 5 do row[i] = tonumber(row[i]) end
    row[6] = channel == 'live' and sku
    stock[cell] = row[1] and row or false
  end
  return stock[cell], cell
end

local counts = {}  -- 'user:sku' → pieces held and paid
local function count_of(field)
  if not counts[field] then counts[field] = tonumber(call('HGET', KEYS[4], field)) or 0 end
  return counts[field]
end

-- SKUs in order of first mention and the pieces wanted of each, or nil and the refusal.
local function wanted(lines, channel)
  if type(lines) ~= 'table' or #lines < 1 or #lines > LINES_MAX then return nil, 'bad_request' end
  local skus, need = {}, {}
  for _, line in ipairs(lines) do
    local sku, qty = line[1], line[2]
    if type(qty) ~= 'number' or qty ~= math.floor(qty) or qty < 1 or qty > QTY_MAX then return nil, 'bad_request' end
    if not stock_of(sku, channel) then return nil, 'not_found' end
    if not need[sku] then skus[#skus + 1] = sku end
    need[sku] = (need[sku] or 0) + qty
  end
  return skus, need
end

-- Works out what is equal for all buys of one ask: most of a batch ask for the same. `window` is why
-- nobody may buy now, if so; `times` are {created, pay by, expires} of a hold, `terms` their JSON.
-- After it the ask has: refused, or its `wants` and the pieces of text that its holds are made of.
local function look_at(ask, window, times, terms)
  local _, lines, channel, eligible, off, discounts = unpack(ask)
  local skus, need = wanted(lines, channel)
  ask.refused = not skus and need or window or (eligible ~= 1 and 'not_eligible') or nil
  if ask.refused then return end
  local wants, amount, priced = {}, -off, {}
  for n, sku in ipairs(skus) do
    local row, cell = stock_of(sku, channel)
    local want = { row = row, cell = cell, qty = need[sku], count = ':' .. sku, left = '"' .. sku .. '":' }
    wants[n], priced[n] = want, { sku, want.qty, row[4] }
    amount, ask.limited = amount + want.qty * row[4], ask.limited or row[5] > 0
  end
  ask.wants = wants
  ask.record = cmsgpack.pack(amount, times[1], times[2], times[3], priced, '')
  ask.channel = cmsgpack.pack(channel)
  ask.begins = ' ' .. whole(amount) .. terms
  ask.ends = discounts ~= '' and '},"discounts":' .. discounts .. '}' or '}}'
  ask.entry = { ask[1], ask.begins:sub(2), ask.ends, amount, priced, channel }
end

-- Why not, in order of precedence, or nil.
local function refusal(ask, user)
  if ask.refused then return ask.refused end
  for _, want in ipairs(ask.wants) do
    local limit = want.row[5]
    if limit > 0 and count_of(user .. want.count) + want.qty > limit then return 'limit_reached' end
  end
  for _, want in ipairs(ask.wants) do
    if want.qty > want.row[1] then return 'sold_out' end
  end
  return nil
end

