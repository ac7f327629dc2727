-- stage.lua: staff move a sale: preheat, start (after a countdown), stop, pause, resume.
-- ARGV 1: msgpack {now_ms (0 = Redis' clock), 'preheat' | 'start' | 'stop' | 'pause' | 'resume',
--         countdown_ms, duration_ms}
-- Returns msgpack {outcome, stage, start_ms | 0, end_ms | 0, journal number, paused 0 | 1};
--   outcome: done (to pause what is paused and resume what runs changes nothing), conflict (not from
--   this stage), missing, fenced. A pause stops new buys only: window, holds and payments go on.
local FROM = {
  preheat = { draft = 'preheat' },
  start = { draft = 'scheduled', preheat = 'scheduled' },
  stop = { draft = 'stopped', preheat = 'stopped', scheduled = 'stopped' },
  pause = { draft = 'draft', preheat = 'preheat', scheduled = 'scheduled' },
  resume = { draft = 'draft', preheat = 'preheat', scheduled = 'scheduled' },
}
local why_not = closed_to_change()
if why_not then return cmsgpack.pack({ why_not, '', 0, 0, 0, 0 }) end
local ask = cmsgpack.unpack(ARGV[1])
local now, act = clock(ask[1]), ask[2]
local sale = call('HMGET', KEYS[1], 'stage', 'start_ms', 'end_ms', 'journal_seq', 'paused')
local start_ms, end_ms = tonumber(sale[2]) or 0, tonumber(sale[3]) or 0
local stage, paused = FROM[act][sale[1]], sale[5] or '0'
local wanted = ({ pause = '1', resume = '0', stop = '0' })[act] or paused
local function said(outcome, seq) return cmsgpack.pack({ outcome, stage or sale[1], start_ms, end_ms, seq, tonumber(paused) }) end
if not stage then return said('conflict', tonumber(sale[4])) end
if (act == 'pause' or act == 'resume') and wanted == paused then return said('done', tonumber(sale[4])) end

if act == 'start' then
  start_ms = now + ask[3]
  end_ms = start_ms + ask[4]
elseif act == 'stop' and end_ms > now then
  end_ms = now
end
local seq = journal('stage', now, 'stage', stage, 'start', whole(start_ms), 'end', whole(end_ms), 'paused', wanted)
call('HSET', KEYS[1], 'stage', stage, 'start_ms', whole(start_ms), 'end_ms', whole(end_ms), 'paused', wanted)
paused = wanted
return said('done', seq)
