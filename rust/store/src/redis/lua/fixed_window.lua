-- One number that expires a window after it was begun. A charge is `c`; see charge.lua for its fields.
local fixed = {}

function fixed.look(c)
    return {tonumber(redis.call('GET', c.key)) or 0, redis.call('TTL', c.key), redis.call('PTTL', c.key)}
end

function fixed.grants(c, cost)
    return (tonumber(redis.call('GET', c.key)) or 0) + cost <= c.amount
end

-- A window begins whenever the count is what was just added: so says `limits`, also after a cost of 0.
function fixed.take(c, cost)
    local count = redis.call('INCRBY', c.key, cost)
    if count == cost then redis.call('EXPIRE', c.key, c.window) end
    return count
end

-- A refused cost is counted, too.
function fixed.hit(c)
    return fixed.take(c, c.cost) <= c.amount
end

-- A window that ends later than one that was begun by the charge, and by its way here, did not count it.
function fixed.back(c, cost)
    local left = redis.call('PTTL', c.key)
    if left <= 0 or c.now + left / 1000 > c.at + c.window + c.slack then return end
    local count = tonumber(redis.call('GET', c.key)) or 0
    redis.call('DECRBY', c.key, math.max(0, math.min(cost, count)))
end
