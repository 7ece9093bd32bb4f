-- Two numbers, of the window that runs and of the one before it. The first lives for two windows, and becomes the second
-- when it has less than one left. All times are milliseconds of the server's clock.
local sliding = {}

-- Count and time left of the previous and of the current window. Also a look moves the windows on.
function sliding.look(c)
    local length = c.window * 1000
    local left = redis.call('PTTL', c.key)
    if left > 0 and left < length then
        redis.call('RENAME', c.key, c.previous)
        redis.call('SET', c.key, 0, 'PX', left + length)
    end
    local function one(key)
        return tonumber(redis.call('GET', key)) or 0, math.max(redis.call('PTTL', key), 0)
    end
    local previous, previous_left = one(c.previous)
    local current, current_left = one(c.key)
    return {previous, previous_left, current, current_left}
end

function sliding.grants(c, cost)
    if cost > c.amount then return false end
    local w = sliding.look(c)
    return math.floor(w[1] * w[2] / (c.window * 1000)) + w[3] + cost <= c.amount
end

function sliding.take(c, cost)
    sliding.look(c)
    if redis.call('EXISTS', c.key) == 1 then
        redis.call('INCRBY', c.key, cost)
    else
        redis.call('SET', c.key, cost, 'PX', c.window * 2000)
    end
end

-- The window that counted the charge, if it is one of the two: the current one began two windows before its number expires.
function sliding.back(c, cost)
    local w = sliding.look(c)
    local late = c.now + w[4] / 1000 - 2 * c.window - (c.at + c.slack)
    if late > c.window then return end
    local key, count = c.key, w[3]
    if late > 0 then key, count = c.previous, w[1] end
    local back = math.max(0, math.min(cost, count))
    if back > 0 then redis.call('DECRBY', key, back) end
end
