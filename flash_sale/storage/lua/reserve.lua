-- reserve.lua: decides a batch of buys of one sale in the order given, each all or nothing.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), asks, users, keys, reservation suffixes, numbers of asks}.
--         The last four are lists of equal length, one place a buy. An ask is what many buys have in
--         common: {fingerprint (24 bytes), {{sku_id, qty pieces}, ...}, channel, eligible 0 | 1, cents
--         off, discounts JSON list | '', may be given its hold again 0 | 1}.
-- Returns msgpack {'ok', {kept answer or refusal code per buy}, {sku_id: {left, version}} changed in `live`}
--         or {'missing'} / {'fenced'}, nothing decided. For a kept answer see `answers` in keys.py.
-- A buy's checks in order: its key is known, arguments, window, eligible, limit per person, stock. At
-- the limit, who still holds just these lines gets that hold again, and the new key belongs to it too.
local FIELDS_MAX = 4000
local HELD = '\155' .. cmsgpack.pack('held')  -- a list of eleven: begins a record, see records.py

local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not }) end
local batch = cmsgpack.unpack(ARGV[1])
local now, asks, users, keys, ids, which = clock(batch[1]), unpack(batch, 2, 6)
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms', 'hold_ms', 'pay_ms', 'currency', 'journal_seq', 'paused')
local hold_ms, pay_ms, currency, seq = tonumber(sale[4]), tonumber(sale[5]), sale[6], tonumber(sale[7])

local window = nil
if sale[1] == 'stopped' then window = 'ended'
elseif sale[1] ~= 'scheduled' or now < tonumber(sale[2]) then window = 'not_started'
elseif now >= tonumber(sale[3]) then window = 'ended'
elseif sale[8] == '1' then window = 'paused' end

local expires, pay_by, due = now + hold_ms, now + pay_ms, whole(now + hold_ms)
local terms = ',"currency":"' .. currency .. '","expires_ms":' .. due .. ',"pay_by_ms":' .. whole(pay_by) .. ',"left":{'
for _, ask in ipairs(asks) do look_at(ask, window, { now, pay_by, expires }, terms) end

local fields, count_fields = {}, {}  -- of each buy: 'user:key'; 'user:sku' of its first line
for i, user in ipairs(users) do
  local ask = asks[which[i]]
  fields[i] = user .. ':' .. keys[i]
  count_fields[i] = ask.refused and '' or user .. ask.wants[1].count
end
local stored = call('HMGET', KEYS[3], unpack(fields))
for i, count in ipairs(call('HMGET', KEYS[4], unpack(count_fields))) do counts[count_fields[i]] = tonumber(count) or 0 end

local answers, fresh, standing, touched = {}, {}, {}, {}  -- 'user:key' → kept; 'user=fingerprint' → which buy
local j_which, j_users, j_keys, j_ids, j_lefts, entries = {}, {}, {}, {}, {}, 0  -- the journal's columns
local w_counts, w_holds, w_records, w_answers = { n = 0 }, { n = 0 }, { n = 0 }, { n = 0 }
local function put(list, field, value)  -- n is kept because #list would search for it each time
  local n = list.n
  list[n + 1], list[n + 2], list.n = field, value, n + 2
end
local function enter(number, i, id, left)
  entries = entries + 1
  j_which[entries], j_users[entries], j_keys[entries], j_ids[entries], j_lefts[entries] = number, users[i], keys[i], id, left
end
local head = setmetatable({}, { __index = function(heads, size)  -- what msgpack puts before text of that size
  heads[size] = cmsgpack.pack(string.rep(' ', size)):sub(1, -size - 1)
  return heads[size]
end })

-- The answer of the person's latest hold of these lines, while it is held.
local function standing_answer(user, fingerprint)
  local field = user .. '=' .. fingerprint
  if standing[field] then return fresh[fields[standing[field]]], ids[standing[field]] end
  local id = call('HGET', KEYS[3], field)
  local packed = id and call('HGET', KEYS[6], id)
  local record = packed and cmsgpack.unpack(packed)
  if not record or record[1] ~= 'held' then return nil end
  return call('HGET', KEYS[3], user .. ':' .. record[3]), id
end

local function hold(i, ask)
  local user, key, id, left = users[i], keys[i], ids[i], nil
  for n, want in ipairs(ask.wants) do
    local row, field = want.row, n == 1 and count_fields[i] or user .. want.count
    row[1], row[2], row[3] = row[1] - want.qty, row[2] + 1, row[3] + want.qty
    counts[field], touched[want.cell] = count_of(field) + want.qty, row
    put(w_counts, field, whole(counts[field]))
    left = (left and left .. ',' or '') .. want.left .. whole(row[1])
  end
  enter(which[i], i, id, left)
  put(w_holds, due, id)
  put(w_records, id, HELD .. head[#user] .. user .. head[#key] .. key .. ask.record .. cmsgpack.pack(seq + entries) .. ask.channel)
  local kept = ask[1] .. id .. ask.begins .. left .. ask.ends
  put(w_answers, fields[i], kept)
  if ask.limited and ask[7] == 1 then
    local field = user .. '=' .. ask[1]
    standing[field] = i
    put(w_answers, field, id)
  end
  return kept
end

for i, user in ipairs(users) do
  local ask = asks[which[i]]
  local known = fresh[fields[i]] or stored[i]
  if known then
    answers[i] = known:sub(1, 24) == ask[1] and known or 'key_reused'
  else
    local no = refusal(ask, user)
    if not no then
      fresh[fields[i]] = hold(i, ask)
    elseif no == 'limit_reached' and ask[7] == 1 then
      local again, its = standing_answer(user, ask[1])
      if again then
        fresh[fields[i]] = again
        enter(0, i, its, '')
        put(w_answers, fields[i], again)
      end
    end
    answers[i] = fresh[fields[i]] or no
  end
end
if entries == 0 then return cmsgpack.pack({ 'ok', answers, {} }) end

local function write(command, key, list)
  for first = 1, list.n, FIELDS_MAX do call(command, key, unpack(list, first, math.min(first + FIELDS_MAX - 1, list.n))) end
end
local w_stock, levels, told = { n = 0 }, {}, {}
for cell, row in pairs(touched) do
  put(w_stock, 'a:' .. cell, whole(row[1]))
  put(w_stock, 'v:' .. cell, whole(row[2]))
  put(w_stock, 'h:' .. cell, whole(row[3]))
  if row[6] then levels[row[6]] = { row[1], row[2] } end
end
for number, ask in ipairs(asks) do told[number] = ask.entry or '' end
local last = whole(seq + entries)
local buys = cmsgpack.pack({ pay_by, expires, told, j_which, j_users, j_keys, j_ids, j_lefts })
call('XADD', KEYS[7], last .. '-0', 'k', 'buys', 't', whole(now), 'b', buys)
call('HSET', KEYS[1], 'journal_seq', last)
write('HSET', KEYS[2], w_stock)
write('HSET', KEYS[4], w_counts)
write('ZADD', KEYS[5], w_holds)
write('HSET', KEYS[6], w_records)
write('HSET', KEYS[3], w_answers)
return cmsgpack.pack({ 'ok', answers, levels })
