-- Mark and count the votes of several people, each once. The server's clock says whether it is open.
-- KEYS 1 poll (hash: open, closed, voters, and votes by number of the option)  2 votes (hash: user → vote)
-- ARGV 1 closing time in ms, 0 for none  2 voters the caller has seen  3.. pairs of user, options chosen (ascending, with commas)
-- Returns for each pair: "counted" | "again" | "other" | "closed" | "lost", what they voted for or ""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local closes = tonumber(ARGV[1])
local known = redis.call('HEXISTS', KEYS[1], 'open') == 1
  and tonumber(redis.call('HGET', KEYS[1], 'voters') or '0') >= tonumber(ARGV[2])
local over = redis.call('HEXISTS', KEYS[1], 'closed') == 1 or (closes > 0 and now >= closes)

local function vote(user, chosen)
  if not known then return 'lost', '' end
  local before = redis.call('HGET', KEYS[2], user)
  if before == chosen then return 'again', before end
  if over then return 'closed', before or '' end
  if before then return 'other', before end
  redis.call('HSET', KEYS[2], user, chosen)
  redis.call('HINCRBY', KEYS[1], 'voters', 1)
  for option in string.gmatch(chosen, '%d+') do
    redis.call('HINCRBY', KEYS[1], option, 1)
  end
  return 'counted', chosen
end

local reply = {}
for at = 3, #ARGV, 2 do
  reply[at - 2], reply[at - 1] = vote(ARGV[at], ARGV[at + 1])
end
return reply
