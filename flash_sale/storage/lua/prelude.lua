-- prelude.lua: put in front of every script of this folder; defines, does nothing.
-- Every script takes KEYS 1 sale 2 stock 3 answers 4 counts 5 holds 6 reservations 7 journal.
-- Redis does not roll a script back: each script reads every key it will write (a key of the
-- wrong type stops it there), makes all its checks, and only then writes, journal first.
if redis.replicate_commands then redis.replicate_commands() end
local call = redis.call

-- Milliseconds: the given time (tests) or, for 0, Redis' own clock.
local function clock(given_ms)
  if given_ms ~= 0 then return given_ms end
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An integer below 2^53 as text; tostring() would turn 16 digits into 1e+15, %.0f is slow.
local function whole(number) return string.format('%d', number) end

-- Nil when the sale can be changed, else why not.
local function closed_to_change()
  local stage, fenced = unpack(call('HMGET', KEYS[1], 'stage', 'fenced'))
  if not stage then return 'missing' end
  if fenced ~= '0' then return 'fenced' end
  call('HLEN', KEYS[2]); call('HLEN', KEYS[3]); call('HLEN', KEYS[4])
  call('ZCARD', KEYS[5]); call('HLEN', KEYS[6])
  return nil
end

-- Appends one fact: k kind, t epoch ms, then the given field, value pairs. Returns its number.
local function journal(kind, now_ms, ...)
  local seq = (tonumber(call('HGET', KEYS[1], 'journal_seq')) or 0) + 1
  call('XADD', KEYS[7], whole(seq) .. '-0', 'k', kind, 't', whole(now_ms), ...)
  call('HSET', KEYS[1], 'journal_seq', whole(seq))
  return seq
end

-- Where the counters of a SKU in a channel are; `live` has the SKU's own name.
local function cell_of(sku, channel) return channel == 'live' and sku or sku .. '@' .. channel end

-- Adds to one counter of a cell (a h s r w t) and returns it.
local function add(counter, cell, qty) return call('HINCRBY', KEYS[2], counter .. ':' .. cell, whole(qty)) end

-- {left, version} of a cell.
local function level(cell)
  local pair = call('HMGET', KEYS[2], 'a:' .. cell, 'v:' .. cell)
  return { tonumber(pair[1]), tonumber(pair[2]) }
end

-- Gives a SKU one more channel, empty. `channels` are those it has, as text.
local function open_channel(sku, channel, channels)
  local cell, fields = cell_of(sku, channel), { 'c:' .. sku, channels .. ' ' .. channel }
  for _, counter in ipairs({ 'i', 'r', 'w', 't', 'a', 'h', 's' }) do
    fields[#fields + 1], fields[#fields + 2] = counter .. ':' .. cell, '0'
  end
  call('HSET', KEYS[2], 'v:' .. cell, call('HGET', KEYS[2], 'v:' .. sku), unpack(fields))
end
