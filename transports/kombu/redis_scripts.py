"""What Redis does in one piece: putting, taking and giving back messages, as Lua scripts.

A queue is kombu's: one list for each priority, filled on the left and emptied on the right. What was handed out is in
a hash by its tag, as the list's key, a line feed and the message; a sorted set has the tags by the time, in seconds of
the server's clock, at which they go back. A tag is made for each delivery and never used again. So whoever settles late
settles nothing of anybody else's, which kombu's own tags, that travel with the message, would not ensure.

Whoever waits for messages listens to a channel for each queue. Something is said there when a queue that was empty is
no longer: who waits has found it empty before, so nobody misses anything, and a queue under load makes no noise.
"""

from __future__ import annotations

_GIVE_BACK = """
local function give_back(unacked, index, tag, sep, channels)
    local entry = redis.call('HGET', unacked, tag)
    redis.call('ZREM', index, tag)
    if not entry then return 0 end
    redis.call('HDEL', unacked, tag)
    local cut = string.find(entry, '\\n', 1, true)
    local key, item = string.sub(entry, 1, cut - 1), string.sub(entry, cut + 1)
    local mark = '{"redelivered":true,'
    if string.sub(item, 1, 2) == '{"' and string.sub(item, 1, #mark) ~= mark then
        -- Only a message in kombu's form is marked; what others wrote is their own affair.
        local read, parts = pcall(cjson.decode, item)
        if read and type(parts) == 'table' and type(parts.properties) == 'table' then
            item = mark .. string.sub(item, 2)
        end
    end
    redis.call('RPUSH', key, item)
    local stop = string.find(key, sep, 1, true)
    redis.call('PUBLISH', channels .. (stop and string.sub(key, 1, stop - 1) or key), '')
    return 1
end
"""

PUT = """
local was_empty = redis.call('EXISTS', unpack(KEYS)) == 0
for i = 2, #ARGV, 2 do
    redis.call('LPUSH', KEYS[tonumber(ARGV[i])], ARGV[i + 1])
end
if was_empty then redis.call('PUBLISH', ARGV[1], '') end
return 1
"""
"""Keys: the lists of one queue. Arguments: its channel; then for each message the number of its list, and itself."""

TAKE = (
    _GIVE_BACK
    + """
local unacked, index = KEYS[1], KEYS[2]
local tags, limit, bytes, hold = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 100)) do
    give_back(unacked, index, tag, ARGV[5], ARGV[6])
end
local taken = {}
local count = 0
for i = 3, #KEYS do
    while count < limit and bytes > 0 do
        local item = redis.call('RPOP', KEYS[i])
        if not item then break end
        count = count + 1
        local tag = tags .. ':' .. count
        redis.call('HSET', unacked, tag, KEYS[i] .. '\\n' .. item)
        redis.call('ZADD', index, now + hold, tag)
        bytes = bytes - #item
        taken[3 * count - 2] = tag
        taken[3 * count - 1] = i - 3
        taken[3 * count] = item
    end
end
return taken
"""
)
"""Keys: hash and sorted set of what is handed out; the lists to take from, the first ones first. Arguments: how the
tags begin; the most messages; about how many bytes; for how many seconds they are the taker's; kombu's separator; how
the channels begin. Returns tag, number of the list and message, for each. What is overdue is given back before."""

GIVE_BACK = (
    _GIVE_BACK
    + """
local given = 0
for i = 3, #ARGV do
    given = given + give_back(KEYS[1], KEYS[2], ARGV[i], ARGV[1], ARGV[2])
end
return given
"""
)
"""Keys: hash and sorted set of what is handed out. Arguments: kombu's separator; how the channels begin; tags."""

SETTLE = """
for i = 1, #ARGV do
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
end
return 1
"""
"""Keys: hash and sorted set of what is handed out. Arguments: tags."""
