-- When all cells are paid for: whole microseconds, and ticks of one amount-th of one. Every number here is a whole one
-- below 2^53, so that nothing is ever rounded. A key that is gone is paid for.
local gcra = {}

-- How long `cells` cells take.
local function span(c, cells)
    local ticks = cells * c.ticks
    local micros = math.floor(ticks / c.amount)
    return cells * c.micros + micros, ticks - micros * c.amount
end

local function less(micros, ticks, other_micros, other_ticks)
    return micros < other_micros or micros == other_micros and ticks < other_ticks
end

local function add(c, micros, ticks, other_micros, other_ticks)
    ticks = ticks + other_ticks
    if ticks >= c.amount then return micros + other_micros + 1, ticks - c.amount end
    return micros + other_micros, ticks
end

local function paid(c)
    local micros, ticks = string.match(redis.call('GET', c.key) or '', '^(%d+) (%d+)$')
    return tonumber(micros) or 0, tonumber(ticks) or 0
end

-- At most a burst, whatever the clocks did.
local function owed(c)
    local micros, ticks = paid(c)
    micros = micros - c.now_micros
    if micros < 0 then return 0, 0 end
    local most_micros, most_ticks = span(c, c.burst)
    if less(most_micros, most_ticks, micros, ticks) then return most_micros, most_ticks end
    return micros, ticks
end

-- A second longer than needed: the clocks of hosts differ.
local function store(c, micros, ticks)
    local life = math.ceil(math.max(micros - c.now_micros, 0) / 1000) + 1000
    redis.call('SET', c.key, string.format('%.0f %.0f', micros, ticks), 'PX', string.format('%.0f', life))
end

function gcra.look(c)
    local micros, ticks = paid(c)
    return {string.format('%.0f', micros), string.format('%.0f', ticks)}
end

function gcra.grants(c, cost)
    if c.amount == 0 or cost > c.burst then return false end
    local micros, ticks = owed(c)
    micros, ticks = add(c, micros, ticks, span(c, cost))
    local most_micros, most_ticks = span(c, c.burst)
    return not less(most_micros, most_ticks, micros, ticks)
end

-- Stamped later than now, cells are due later by as much.
function gcra.take(c, cost)
    if c.amount == 0 then return end
    local micros, ticks = owed(c)
    local ahead = c.at_micros - c.now_micros
    local most_micros, most_ticks = span(c, c.burst)
    if micros < ahead then micros, ticks = ahead, 0 end
    micros, ticks = add(c, micros, ticks, span(c, math.min(cost, c.burst)))
    if less(most_micros + ahead, most_ticks, micros, ticks) then micros, ticks = most_micros + ahead, most_ticks end
    store(c, c.now_micros + micros, ticks)
end

-- Not what is paid by now, even if a whole burst was owed then.
function gcra.back(c, cost)
    local micros, ticks = paid(c)
    if micros == 0 then return end
    local most_micros, most_ticks = span(c, c.burst)
    local unpaid = c.at_micros + most_micros - c.now_micros
    if unpaid < 0 then return end
    local back_micros, back_ticks = span(c, math.min(cost, c.burst))
    if less(unpaid, most_ticks, back_micros, back_ticks) then back_micros, back_ticks = unpaid, most_ticks end
    ticks = ticks - back_ticks
    if ticks < 0 then ticks, micros = ticks + c.amount, micros - 1 end
    store(c, micros - back_micros, ticks)
end
