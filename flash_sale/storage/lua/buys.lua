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

-- Why not, in order of precedence, or nil. `window` is why nobody may buy now, if so.
local function refusal(window, user, skus, need, channel, eligible)
  if window then return window end
  if eligible ~= 1 then return 'not_eligible' end
  for _, sku in ipairs(skus) do
    local limit = stock_of(sku, channel)[5]
    if limit > 0 and count_of(user .. ':' .. sku) + need[sku] > limit then return 'limit_reached' end
  end
  for _, sku in ipairs(skus) do
    if need[sku] > stock_of(sku, channel)[1] then return 'sold_out' end
  end
  return nil
end

