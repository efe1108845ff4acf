-- Takes, renews or leaves a room's lease. Returns who has it, its epoch, where they are, the last epoch that was given
-- before it, which run of which server says so, and when (Unix time, ms).
-- ARGV: the gateway, its address, how long in ms; 'take', 'look' or 'leave'.

local lease, epochs = unpack(KEYS)
local gateway, address, lasts, act = unpack(ARGV)
local holder, epoch, where, before = unpack(redis.call('HMGET', lease, 'gateway', 'epoch', 'address', 'before'))
local now = redis.call('TIME')
local ms = string.format('%d', now[1] * 1000 + math.floor(now[2] / 1000))
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')

if act == 'leave' and holder == gateway then
  redis.call('DEL', lease)
  holder = nil
elseif holder == gateway then
  redis.call('PEXPIRE', lease, lasts)
elseif act == 'take' and not holder then
  -- Never lower than before, even if Redis has forgotten everything: no epoch is ever given twice.
  before = redis.call('GET', epochs) or '0'
  epoch = string.format('%d', math.max(tonumber(before) + 1, tonumber(ms)))
  holder, where = gateway, address
  redis.call('SET', epochs, epoch)
  redis.call('HSET', lease, 'gateway', gateway, 'epoch', epoch, 'address', address, 'before', before)
  redis.call('PEXPIRE', lease, lasts)
end
if not holder then return {'', '0', '', '0', run, ms} end
return {holder, epoch, where, before, run, ms}
