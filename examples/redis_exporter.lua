-- The figures of inval for redis_exporter, which runs it at each scrape:
--
--     redis_exporter --redis.addr redis://localhost:6379 --script redis_exporter.lua
--
-- Each number is one value, such as script_values{key="windows.1m.hit_rate"}. Where Prometheus can
-- read INVAL.STATS FORMAT prometheus itself, that has histograms and names of its own.
redis.setresp(3)

local values = {}

local function add(name, of)
  if type(of) == "number" then
    values[#values + 1] = name
    values[#values + 1] = tostring(of)
  elseif type(of) == "table" and of.double then
    add(name, of.double)
  elseif type(of) == "table" and of.map then
    for field, value in pairs(of.map) do
      add(name .. "." .. field, value)
    end
  end
end

local sections = { "totals", "windows", "index", "cache", "warm", "classes" }
for section, of in pairs(redis.call("INVAL.STATS", unpack(sections)).map) do
  add(section, of)
end

local levels = { healthy = 0, warning = 1, critical = 2 }
local health = redis.call("INVAL.HEALTH").map
add("health.status", levels[health.status.ok or health.status])
for _, check in ipairs(health.checks) do
  add("health." .. check.map.check.ok, levels[check.map.status.ok])
end

redis.setresp(2)
return values
