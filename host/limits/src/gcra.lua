-- GCRA over several limits at once: a request counts against all of them or against none.
-- KEYS: one per limit. ARGV: for each the interval between two requests and the tolerance, in microseconds.
-- The time is the server's, so that hubs need no clock in common. A key holds the theoretical arrival time of the
-- next request, and expires when it says nothing any more.
-- Gives for each limit how many more may come and in how many microseconds it is as if new; or, refused, a list of the
-- negative number of the limit and of the microseconds to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals, standings = {}, {}
for i, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local arrival = math.max(tonumber(redis.call('GET', key) or '0'), now) + interval
  local early = arrival - tolerance - now
  if early > 0 then
    return {-i, math.ceil(early)}
  end
  arrivals[i] = arrival
  standings[2 * i - 1] = math.floor((tolerance - (arrival - now)) / interval + 0.000001)
  standings[2 * i] = math.ceil(arrival - now)
end
for i, key in ipairs(KEYS) do
  -- %.0f: Lua writes so large a number with an exponent otherwise, and loses digits
  redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', math.ceil((arrivals[i] - now) / 1000) + 1)
end
return standings
