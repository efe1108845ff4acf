-- All that is read and written of a room's state, one act at a time and whole; refused to whoever does not own the room.
-- ARGV: the owner's epoch, the number of what it writes (0: it reads), the act, and what it is about; texts are JSON.

local lease, questions, entries, open, ended, outcomes, failed, muted, desk, aired, lines = unpack(KEYS)
local KEPT = 10000 -- questions that ended; the journal has all

local epoch = redis.call('HGET', lease, 'epoch')
if not epoch then
  return redis.error_reply('UNOWNED the lease has run out')
elseif epoch ~= ARGV[1] then
  return redis.error_reply('FENCED the room has another owner')
end

-- What the network held up and delivers when the owner has long asked anew.
local number, last = tonumber(ARGV[2]), tonumber(redis.call('HGET', lease, 'written') or 0)
if number > 0 then
  if number < last then return redis.error_reply('LATE it is written already') end
  redis.call('HSET', lease, 'written', number)
end

local act = {}

local function form_group()
  pcall(redis.call, 'XGROUP', 'CREATE', questions, 'room', '0', 'MKSTREAM') -- it is there, most times
end

-- A question waits in the stream until it is acknowledged: when what came of it is known.
function act.asked(id, question)
  if redis.call('HEXISTS', outcomes, id) == 1 then return end
  if redis.call('HSETNX', open, id, question) == 1 then
    form_group()
    local entry = redis.call('XADD', questions, '*', 'id', id)
    redis.call('HSET', entries, id, entry)
    redis.call('XREADGROUP', 'GROUP', 'room', epoch, 'COUNT', 1, 'STREAMS', questions, '>')
  else
    redis.call('HSET', open, id, question)
  end
end

function act.ended(id, outcome, question, at)
  if redis.call('HEXISTS', outcomes, id) == 1 or redis.call('HDEL', open, id) == 0 then return end
  local entry = redis.call('HGET', entries, id)
  if entry then
    redis.call('XACK', questions, 'room', entry)
    redis.call('XDEL', questions, entry)
    redis.call('HDEL', entries, id)
  end
  redis.call('HSET', outcomes, id, question)
  redis.call('ZADD', ended, at, id)
  if outcome == 'failed' then
    redis.call('XADD', failed, 'MAXLEN', '~', KEPT, '*', 'question', question)
  end
  for _, old in ipairs(redis.call('ZRANGE', ended, 0, -KEPT - 1)) do
    redis.call('HDEL', outcomes, old)
    redis.call('ZREM', ended, old)
  end
end

-- Takes over what the last owner had not ended.
function act.unfinished()
  form_group()
  redis.call('XREADGROUP', 'GROUP', 'room', epoch, 'COUNT', KEPT, 'STREAMS', questions, '>')
  redis.call('XAUTOCLAIM', questions, 'room', epoch, 0, '0-0', 'COUNT', KEPT, 'JUSTID')
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', questions, 'room')) do
    if consumer[2] ~= epoch then redis.call('XGROUP', 'DELCONSUMER', questions, 'room', consumer[2]) end
  end
  return redis.call('HVALS', open)
end

function act.last(since, limit)
  local found = {}
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', ended, '+inf', '(' .. since, 'LIMIT', 0, limit)) do
    found[#found + 1] = redis.call('HGET', outcomes, id)
  end
  return found
end

function act.kept() return 1 end -- whatever came before was written

function act.mute(viewer, mute) redis.call('HSET', muted, viewer, mute) end

function act.forgive(viewer) redis.call('HDEL', muted, viewer) end

function act.muted() return redis.call('HVALS', muted) end

function act.switch(paused, cut) redis.call('HSET', desk, 'paused', paused, 'cut', cut) end

function act.alive(at) redis.call('HSET', desk, 'on_air_at', at) end

function act.desk() return redis.call('HMGET', desk, 'paused', 'cut', 'on_air_at') end

function act.air(at, line)
  if number == last then return end -- asked anew, since the answer was lost
  redis.call('ZADD', aired, at, string.format('%015d', redis.call('INCR', lines)) .. line)
end

function act.aired(since)
  redis.call('ZREMRANGEBYSCORE', aired, '-inf', '(' .. since)
  local found = redis.call('ZRANGE', aired, 0, -1)
  for k, line in ipairs(found) do found[k] = string.sub(line, 16) end
  return found
end

return act[ARGV[3]](unpack(ARGV, 4))
