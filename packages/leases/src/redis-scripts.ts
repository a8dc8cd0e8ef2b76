import { createHash } from "node:crypto";
import { CLOCK_TOLERANCE_MS } from "./lease-store.js";

/**
 * What runs inside Redis. All times are whole microseconds: store time is Redis' wall clock (TIME), about 1.8e15, which
 * a Lua number (a double) holds exactly.
 *
 * A lease is a hash: `inc` (incarnation), `beat`, `window`, `move`, `quiet`, `known` (instants in store time) and `at`,
 * the store time of the last write. Redis drops the key itself when `known` has passed.
 *
 * **Why a clock that steps cannot stretch a silent session.** A step forward makes instants pass early, and Redis drops
 * the keys: leases end, which is allowed. After a step back by d, the instants kept lie d too far ahead. Three bounds
 * hold, each by itself enough for a silent session:
 * 1. `read` counts from max(now, at): it never answers more than was granted at the last write, which is at most what
 *    one sign of life gives.
 * 2. A part takes over an answer only on first sight of a beat and only lowers it within that beat (rules.md, R3). A
 *    silent session gets no new beat, so what the part saw before the step stands: the last beat plus one poll plus the
 *    window.
 * 3. A write that finds now < at knows of the step and moves the old instants back by (at - now) before it compares, so
 *    that max(old, new) does not keep a session moving on instants of the old time. What it cannot see is at most the
 *    time since the last write, about a tenth of a window.
 * The converted sign of life of a renewal (S + (sign - r)) is in the old time until the next reply: after a step back
 * such a renewal is `beyond`, after a step forward `past`; both are refused, and their reply carries the new time.
 */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** First element of a reply: 1 when the script ran, 0 when the data set is not the one the caller believes in. */
export const STORE_CHANGED = 0;

/** Codes of outcomes, in the order of the scripts' numbers. */
export const OUTCOME_CODES = ["renewed", "gone", "past", "beyond"] as const;

/** Numbers in the reply of {@link READ_SCRIPT} for each id: beat (0: unknown), window, move, quiet and known left. */
export const READ_STRIDE = 5;

const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
`;

/** KEYS[1] is the incarnation key, ARGV[1] what the caller believes it holds. */
const CHECKED_NOW = `${NOW}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {${STORE_CHANGED}, now} end
`;

/** A sign of life by the caller's conversion; nil when it lies in the future by more than clocks may differ. */
const SIGN = `
local function checked_sign(text)
  local sign = tonumber(text)
  if sign > now + ${CLOCK_TOLERANCE_MS * 1000} then return nil end
  return math.min(sign, now)
end
`;

/**
 * Opens the data set: KEYS [incarnation key], ARGV [a fresh random, "write" | "read"]. Returns [1, now, incarnation or
 * "", role, maxmemory_policy]. The incarnation is "random:run_id"; one that names another run_id comes from a snapshot
 * or from a master that this server was a replica of, and is replaced (rules.md, R4). A reader never writes: it gets "".
 * Nothing is opened on a replica or on a server that may evict leases.
 */
export const OPEN_SCRIPT = script(`${NOW}
local function info(section, name)
  return string.match(redis.call('INFO', section), '[\\r\\n]' .. name .. ':([^\\r\\n]*)') or ''
end
local run_id, role, policy = info('server', 'run_id'), info('replication', 'role'), info('memory', 'maxmemory_policy')
if role ~= 'master' or policy ~= 'noeviction' or run_id == '' then return {1, now, '', role, policy} end
local incarnation = redis.call('GET', KEYS[1])
if not incarnation or string.sub(incarnation, -#run_id - 1) ~= ':' .. run_id then
  if ARGV[2] ~= 'write' then return {1, now, '', role, policy} end
  incarnation = ARGV[1] .. ':' .. run_id
  redis.call('SET', KEYS[1], incarnation)
end
return {1, now, incarnation, role, policy}
`);

/**
 * KEYS [incarnation key, lease key], ARGV [incarnation, window, sign, move for, quiet for, known for]. Returns
 * [1, now, code]: an index of OUTCOME_CODES, where "gone" means that the id has a lease already.
 */
export const CREATE_SCRIPT = script(`${CHECKED_NOW}${SIGN}
local old = redis.call('HMGET', KEYS[2], 'inc', 'known', 'at')
if old[1] == ARGV[1] and tonumber(old[2]) > math.max(now, tonumber(old[3])) then return {1, now, 1} end
local sign = checked_sign(ARGV[3])
if not sign then return {1, now, 3} end
local known = sign + tonumber(ARGV[6])
if known <= now then return {1, now, 2} end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'inc', ARGV[1], 'beat', 1, 'window', ARGV[2],
  'move', sign + tonumber(ARGV[4]), 'quiet', sign + tonumber(ARGV[5]), 'known', known, 'at', now)
redis.call('PEXPIRE', KEYS[2], math.ceil((known - now) / 1000))
return {1, now, 0}
`);

/**
 * KEYS [incarnation key, lease keys...], ARGV [incarnation, then per lease: sign, move for, quiet for, known for].
 * Returns [1, now, code per lease].
 */
export const RENEW_SCRIPT = script(`${CHECKED_NOW}${SIGN}
local reply = {1, now}
for i = 2, #KEYS do
  local a = (i - 2) * 4 + 2
  local old = redis.call('HMGET', KEYS[i], 'inc', 'move', 'quiet', 'known', 'at', 'beat')
  local code = 1
  if old[1] == ARGV[1] and tonumber(old[4]) > math.max(now, tonumber(old[5])) then
    local sign = checked_sign(ARGV[a])
    if not sign then
      code = 3
    elseif sign + tonumber(ARGV[a + 3]) <= now then
      code = 2
    else
      local stepped = math.max(0, tonumber(old[5]) - now)
      local known = math.max(tonumber(old[4]) - stepped, sign + tonumber(ARGV[a + 3]))
      redis.call('HSET', KEYS[i], 'beat', tonumber(old[6]) + 1, 'at', now, 'known', known,
        'move', math.max(tonumber(old[2]) - stepped, sign + tonumber(ARGV[a + 1])),
        'quiet', math.max(tonumber(old[3]) - stepped, sign + tonumber(ARGV[a + 2])))
      redis.call('PEXPIRE', KEYS[i], math.ceil((known - now) / 1000))
      code = 0
    end
  end
  reply[i + 1] = code
end
return reply
`);

/** KEYS [incarnation key, lease key], ARGV [incarnation, channel, id]. Returns [1, now, 1 when it was live]. */
export const END_SCRIPT = script(`${CHECKED_NOW}
local old = redis.call('HMGET', KEYS[2], 'inc', 'known', 'at')
local live = old[1] == ARGV[1] and tonumber(old[2]) > math.max(now, tonumber(old[3]))
redis.call('DEL', KEYS[2])
if not live then return {1, now, 0} end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return {1, now, 1}
`);

/** KEYS [incarnation key, lease keys...], ARGV [incarnation]. Returns [1, now, READ_STRIDE numbers per lease]. */
export const READ_SCRIPT = script(`${CHECKED_NOW}
local reply = {1, now}
local n = 2
for i = 2, #KEYS do
  local lease = redis.call('HMGET', KEYS[i], 'inc', 'beat', 'window', 'move', 'quiet', 'known', 'at')
  local beat, window, move, quiet, known = 0, 0, 0, 0, 0
  if lease[1] == ARGV[1] then
    local from = math.max(now, tonumber(lease[7]))
    if tonumber(lease[6]) > from then
      beat, window = tonumber(lease[2]), tonumber(lease[3])
      move, quiet, known = lease[4] - from, lease[5] - from, lease[6] - from
    end
  end
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = beat, window, move, quiet, known
  n = n + ${READ_STRIDE}
end
return reply
`);

function script(text: string): RedisScript {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
