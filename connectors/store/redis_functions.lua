-- The store's writes, each one atomic step. The C side puts "#!lua name=postern_1" and the digest of this text in front.
-- A function that raises in the middle is not undone, so each touches every key with a read before its first write: a key of the
-- wrong type is found while nothing has changed. Keys are always declared, all in one slot.

local VERSION_DIGITS = 20
local TIMES_MOST = 512

-- 0 when there is no record.
local function version_of(key)
    local head = redis.call('GETRANGE', key, 0, VERSION_DIGITS)
    if head == '' then return 0 end
    local digits = string.match(head, '^(%d+)\n')
    if not digits then error({ err = 'ERR the record does not begin with a version' }) end
    return tonumber(digits)
end

-- events: args[first] to the last; the last carries the record when there is one.
local function log(key, args, first, kind, id, version, body)
    for i = first, #args do
        if i == #args and kind then
            redis.call('XADD', key, '*', 'e', args[i], 'k', kind, 'i', id, 'v', version, 'b', body)
        else
            redis.call('XADD', key, '*', 'e', args[i])
        end
    end
end

-- keys: record, log, due. args: expected version, kind, id, body, due second (0: never), events.
-- The new version; -1 when the record has another version than expected.
local function commit(keys, args)
    local version = version_of(keys[1])
    if version ~= tonumber(args[1]) then return -1 end
    local member = args[2] .. ':' .. args[3]
    redis.call('ZSCORE', keys[3], member)
    local after = string.format('%d', version + 1)
    log(keys[2], args, 6, args[2], args[3], after, args[4])
    redis.call('SET', keys[1], after .. '\n' .. args[4])
    if args[5] == '0' then
        redis.call('ZREM', keys[3], member)
    else
        redis.call('ZADD', keys[3], args[5], member)
    end
    return version + 1
end

-- keys: log. args: events.
local function append(keys, args)
    log(keys[1], args, 1)
    return #args
end

-- Times are stored as "<second>:<check>,<check>;<second>:<check>": checks are asked together, so their names are nearly all of it. What has another
-- shape, or a name that would not fit in, stays JSON.
local function read_times(text)
    if text == '' or text == '{}' then return {} end
    if string.sub(text, 1, 1) == '{' then
        local fine, all = pcall(cjson.decode, text)
        return fine and type(all) == 'table' and all or nil
    end
    local all = {}
    for at, names in string.gmatch(text, '(%d+):([^;]+)') do
        for name in string.gmatch(names, '[^,]+') do all[name] = tonumber(at) end
    end
    return all
end

local function write_times(all)
    local names, seconds = {}, {}
    for name, at in pairs(all) do
        if not string.match(name, '^[%w._-]+$') or type(at) ~= 'number' then return cjson.encode(all) end
        local second = string.format('%d', at)
        if not names[second] then
            names[second] = {}
            seconds[#seconds + 1] = second
        end
        table.insert(names[second], name)
    end
    for i, second in ipairs(seconds) do
        table.sort(names[second])
        seconds[i] = second .. ':' .. table.concat(names[second], ',')
    end
    table.sort(seconds)
    return table.concat(seconds, ';')
end

-- Newer times over older ones; the times of checks that were not asked this time stay.
local function join_times(old, new)
    if new == '' or new == '{}' then return old end
    local all, more = read_times(old) or {}, read_times(new)
    if not more then return new end
    for check, at in pairs(more) do all[check] = at end
    local count = 0
    for _ in pairs(all) do count = count + 1 end
    if count > TIMES_MOST then return new end
    return write_times(all)
end

-- keys: seen, log. args: how many, then device, seen second and times of each, then events.
local function refresh(keys, args)
    local count, values = tonumber(args[1]), {}
    for i = 1, count do
        local device, seen, times = args[3 * i - 1], tonumber(args[3 * i]), args[3 * i + 1]
        local old = values[device] or redis.call('HGET', keys[1], device) or ''
        local old_seen, old_times = string.match(old, '^(%d+) (.*)$')
        if old_seen and tonumber(old_seen) > seen then seen = tonumber(old_seen) end
        values[device] = string.format('%d', seen) .. ' ' .. join_times(old_times or '', times)
    end
    log(keys[2], args, 3 * count + 2)
    for device, value in pairs(values) do redis.call('HSET', keys[1], device, value) end
    return count
end

-- keys: claim. args: owner. Only the holder's own claim goes.
local function release(keys, args)
    if redis.call('GET', keys[1]) ~= args[1] then return 0 end
    return redis.call('DEL', keys[1])
end

local function server_ms()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function read_lease(key, reader)
    local text = redis.call('HGET', key, reader) or '0 0 '
    local fence, until_ms, node = string.match(text, '^(%d+) (%d+) (.*)$')
    if not fence then error({ err = 'ERR the lease is not ours' }) end
    return tonumber(fence), tonumber(until_ms), node
end

local function write_lease(key, reader, fence, until_ms, node)
    redis.call('HSET', key, reader, string.format('%d %d %s', fence, until_ms, node))
end

-- keys: leases, cursors. args: reader, node, how long in ms. {fence, cursor}, or {-1, who holds it}.
local function lease(keys, args)
    local fence, until_ms, node = read_lease(keys[1], args[1])
    local now = server_ms()
    local cursor = redis.call('HGET', keys[2], args[1])
    if node ~= args[2] then
        if node ~= '' and until_ms > now then return { -1, node } end
        fence = fence + 1
    end
    if not cursor then
        cursor = '0-0'
        redis.call('HSET', keys[2], args[1], cursor)
    end
    write_lease(keys[1], args[1], fence, now + tonumber(args[3]), args[2])
    return { fence, cursor }
end

-- keys: leases. args: reader, node. The fence stays, so that the next holder's is higher.
local function unlease(keys, args)
    local fence, _, node = read_lease(keys[1], args[1])
    if node ~= args[2] then return 0 end
    write_lease(keys[1], args[1], fence, 0, '')
    return 1
end

-- keys: leases, cursors, outbox, outbox bodies. args: reader, fence, cursor (empty: stays), then id, body (empty: gone), due ms of each item.
local function advance(keys, args)
    local fence, _, node = read_lease(keys[1], args[1])
    if fence ~= tonumber(args[2]) or node == '' then return -1 end
    redis.call('HLEN', keys[2])
    redis.call('ZCARD', keys[3])
    redis.call('HLEN', keys[4])
    if args[3] ~= '' then redis.call('HSET', keys[2], args[1], args[3]) end
    for i = 4, #args, 3 do
        if args[i + 1] == '' then
            redis.call('ZREM', keys[3], args[i])
            redis.call('HDEL', keys[4], args[i])
        else
            redis.call('ZADD', keys[3], args[i + 2], args[i])
            redis.call('HSET', keys[4], args[i], args[i + 1])
        end
    end
    return 1
end

-- keys: outbox, outbox bodies. args: now ms, most. id, due ms, body of each.
local function outbox(keys, args)
    local due = redis.call('ZRANGEBYSCORE', keys[1], '-inf', args[1], 'WITHSCORES', 'LIMIT', 0, args[2])
    local out = {}
    for i = 1, #due, 2 do
        local body = redis.call('HGET', keys[2], due[i])
        if body then
            out[#out + 1] = due[i]
            out[#out + 1] = string.format('%d', tonumber(due[i + 1]))
            out[#out + 1] = body
        end
    end
    return out
end

-- keys: beat. args: now ms, outage ms. 0, or the last heartbeat when the silence since was too long; then nothing is written.
-- A last heartbeat far in the future came from a clock that was wrong: time starts again at now.
local function beat(keys, args)
    local now, outage = tonumber(args[1]), tonumber(args[2])
    local last = tonumber(redis.call('GET', keys[1]) or '0')
    if last > 0 and now - last > outage then return last end
    if now > last or last - now > outage then redis.call('SET', keys[1], args[1]) end
    return 0
end

-- keys: record, log, due, beat. args: as commit, with the last heartbeat that was seen and now in front.
-- As commit; -2 when the heartbeat has moved: somebody else recorded this outage.
local function outage(keys, args)
    if (redis.call('GET', keys[4]) or '0') ~= args[1] then return -2 end
    local rest = {}
    for i = 3, #args do rest[i - 2] = args[i] end
    local version = commit(keys, rest)
    if version > 0 then redis.call('SET', keys[4], args[2]) end
    return version
end

local function parse_id(id)
    local ms, seq = string.match(id, '^(%d+)-(%d+)$')
    return tonumber(ms or '0'), tonumber(seq or '0')
end

-- keys: log, cursors, trimmed. args: the ms before which entries go. How many went; never one that a registered reader has still to read.
local function trim(keys, args)
    local least = args[1] .. '-0'
    local ms, seq = parse_id(least)
    for _, cursor in ipairs(redis.call('HVALS', keys[2])) do
        local its_ms, its_seq = parse_id(cursor)
        if its_ms < ms or (its_ms == ms and its_seq < seq) then least, ms, seq = cursor, its_ms, its_seq end
    end
    redis.call('GET', keys[3])
    if ms == 0 and seq == 0 then return 0 end
    local last = redis.call('XREVRANGE', keys[1], '(' .. least, '-', 'COUNT', 1)
    if #last == 0 then return 0 end
    local count = redis.call('XTRIM', keys[1], 'MINID', '=', least)
    redis.call('SET', keys[3], last[1][1])
    return count
end

redis.register_function('pst1_commit', commit)
redis.register_function('pst1_append', append)
redis.register_function('pst1_refresh', refresh)
redis.register_function('pst1_lease', lease)
redis.register_function('pst1_unlease', unlease)
redis.register_function('pst1_beat', beat)
redis.register_function('pst1_outage', outage)
-- What makes room, or settles what was taken on, goes on when memory is full.
redis.register_function{ function_name = 'pst1_release', callback = release, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'pst1_advance', callback = advance, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'pst1_trim', callback = trim, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'pst1_outbox', callback = outbox, flags = { 'no-writes' } }
redis.register_function{ function_name = 'pst1_about', callback = function() return DIGEST end, flags = { 'no-writes' } }
