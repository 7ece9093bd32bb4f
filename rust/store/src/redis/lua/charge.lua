-- What is asked of some charges, in one go. Before this stand the strategies, each with what it can do to one charge.
--
-- ARGV: what, then in seconds and in microseconds: now, the stamp of what is counted; then the slack in seconds; then for
-- each charge: strategy, amount, window in seconds, cost, wanted, burst, and the microseconds and ticks of one cell.
-- KEYS: two for each charge. An answer: for each charge {how much was granted or -1, what `look` gives}.
local HEAD, EACH = 6, 8
local strategies = {f = fixed, m = moving, s = sliding, g = gcra}

local charges = {}
for i = 1, #KEYS / 2 do
    local from = HEAD + (i - 1) * EACH
    local function number(index) return tonumber(ARGV[from + index]) end
    charges[i] = {
        does = strategies[ARGV[from + 1]], key = KEYS[2 * i - 1], previous = KEYS[2 * i],
        now = tonumber(ARGV[2]), now_micros = tonumber(ARGV[3]), at = tonumber(ARGV[4]), at_micros = tonumber(ARGV[5]),
        slack = tonumber(ARGV[6]), amount = number(2), window = number(3), cost = number(4), wanted = number(5),
        burst = number(6), micros = number(7), ticks = number(8),
    }
end

local function take_if_granted(c)
    local granted = c.does.grants(c, c.cost)
    if granted then c.does.take(c, c.cost) end
    return granted
end

local what = {}

-- One after the other, until one is refused.
function what.sequential(answers)
    for i, c in ipairs(charges) do
        local granted = (c.does.hit or take_if_granted)(c)
        answers[i] = {granted and 1 or -1, c.does.look(c)}
        if not granted then return end
    end
end

-- All or none. `wanted` is the sum of what charges of the same key ask for.
function what.atomic(answers)
    for i, c in ipairs(charges) do
        local granted = c.does.grants(c, c.wanted)
        answers[i] = {granted and 1 or -1, c.does.look(c)}
        if not granted then return end
    end
    for i, c in ipairs(charges) do
        c.does.take(c, c.cost)
        answers[i] = {1, c.does.look(c)}
    end
end

function what.look(answers)
    for i, c in ipairs(charges) do answers[i] = {1, c.does.look(c)} end
end

function what.take(answers)
    for i, c in ipairs(charges) do
        if c.cost > 0 then c.does.take(c, c.cost) end
        answers[i] = {1, c.does.look(c)}
    end
end

function what.back(answers)
    for i, c in ipairs(charges) do
        if c.cost > 0 then c.does.back(c, c.cost) end
        answers[i] = {1, c.does.look(c)}
    end
end

-- As many as wanted, else half of that, and so on down to the cost: says how many. One charge after the other, until one
-- is refused.
function what.lease(answers)
    for i, c in ipairs(charges) do
        local some = c.wanted
        while some > c.cost and not c.does.grants(c, some) do some = math.max(c.cost, math.floor(some / 2)) end
        local granted = c.does.grants(c, some)
        if granted then c.does.take(c, some) end
        answers[i] = {granted and some or -1, c.does.look(c)}
        if not granted then return end
    end
end

local answers = {}
what[ARGV[1]](answers)
return answers
