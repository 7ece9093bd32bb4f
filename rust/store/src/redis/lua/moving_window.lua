-- A list of the last stamps, newest first, in seconds.
local moving = {}

-- Index of the oldest stamp inside the window, both ends included; -1 if there is none. It halves.
local function oldest(c)
    local found, low, high = -1, 0, c.amount - 1
    while low <= high do
        local middle = math.floor((low + high) / 2)
        local stamp = tonumber(redis.call('LINDEX', c.key, middle) or nil)
        if stamp and stamp >= c.now - c.window then
            found, low = middle, middle + 1
        else
            high = middle - 1
        end
    end
    return found
end

-- The stamp goes through a number, as in `limits`: 14 digits are left of it.
function moving.look(c)
    local index = oldest(c)
    if index < 0 then return {0, ''} end
    return {index + 1, tostring(tonumber(redis.call('LINDEX', c.key, index)))}
end

function moving.grants(c, cost)
    if cost > c.amount then return false end
    local stamp = redis.call('LINDEX', c.key, c.amount - cost)
    return not (stamp and tonumber(stamp) >= c.now - c.window)
end

function moving.take(c, cost)
    local stamps, left = {}, math.min(cost, c.amount)
    for i = 1, math.min(left, 5000) do stamps[i] = c.at end
    while left > 0 do
        local some = math.min(left, 5000)
        redis.call('LPUSH', c.key, unpack(stamps, 1, some))
        left = left - some
    end
    redis.call('LTRIM', c.key, 0, c.amount - 1)
    redis.call('EXPIRE', c.key, c.window)
end

-- Stamps of exactly that time: only charges of that time left them.
function moving.back(c, cost)
    redis.call('LREM', c.key, cost, c.at)
end
